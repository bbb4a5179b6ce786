//! The shapes of facts, version 1: one file a top-level key.
