//! Delivery in builds without the feature `http`: none.

use std::time::Duration;

use super::{Failure, Request, Transport};
use crate::delivery::Response;
use crate::endpoint::Endpoint;

struct Nowhere;

impl Transport for Nowhere {
    fn send(&mut self, _request: &Request, _timeout: Duration) -> Result<Response, Failure> {
        Err(Failure::NotBuilt)
    }
}

/// A transport that carries nothing.
pub(crate) fn connect(_endpoint: &Endpoint) -> Box<dyn Transport> {
    Box::new(Nowhere)
}
