//! What the facts read of this machine, to be replayed elsewhere. `copy` reads it, `private` knows the files that name one
//! machine, `shapes` finds names by how they look, wherever they stand.

mod copy;
mod private;
mod shapes;

pub use copy::capture;
