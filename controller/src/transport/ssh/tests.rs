//! The transport against real servers: OpenSSH's sshd, and listeners that misbehave.

mod hosts;
mod keys;
mod logins;
mod openssh;
