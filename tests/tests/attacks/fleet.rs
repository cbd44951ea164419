//! Hosts, and files of the fleet, that others control.
