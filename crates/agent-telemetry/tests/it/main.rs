//! The SDK at its boundary: the public API in, bytes at a transport and files out.

mod server;
mod smoke;
