//! The transport against real servers: OpenSSH's sshd, and listeners that misbehave.

mod hostile;
mod hosts;
mod keys;
mod logins;
mod openssh;
