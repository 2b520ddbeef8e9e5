//! Messages between the components of one host.
