//! Hands each event, in one order, to every listener.

use super::Event;
use std::sync::{Arc, Mutex, PoisonError};

/// Somebody who is told events.
pub type Listener = Box<dyn FnMut(&Event) + Send>;

/// Where a run's events go. Cloning shares it.
#[derive(Clone)]
pub struct Sink {
    listeners: Arc<Mutex<Vec<Listener>>>,
}

impl Sink {
    /// A sink with these listeners, told in this order.
    pub fn new(listeners: Vec<Listener>) -> Self {
        Self { listeners: Arc::new(Mutex::new(listeners)) }
    }

    /// One listener more, told after those there are.
    pub fn add(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Tell everybody. Events are told one after another, never mixed.
    pub fn emit(&self, event: &Event) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter_mut() {
            listener(event);
        }
    }
}
