//! A private Redis server with a password, on a Unix socket alone; or one of Valkey, where that is what is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Account, Running, SEARCH_PATH, first_program, is_installed, private_folder};
use crate::finished::Finished;

/// A Redis server that lives as long as this value.
#[derive(Debug)]
pub struct Redis {
    running: Running,
    folder: TempDir,
    password: String,
}

impl Redis {
    /// Starts an empty server.
    pub fn start(password: &str) -> Self {
        Self::start_on(Self::empty_folder(), password)
    }

    /// Makes a folder for the files of a server that is yet to be started.
    pub fn empty_folder() -> TempDir {
        private_folder(account())
    }

    /// Starts a server on what is in a folder made by [`Redis::empty_folder`].
    pub fn start_on(folder: TempDir, password: &str) -> Self {
        Self::start_with(folder, password, &[])
    }

    /// Starts a server on what is in a folder made by [`Redis::empty_folder`], with options of its own.
    pub fn start_with(folder: TempDir, password: &str, options: &[&str]) -> Self {
        let account = account();
        Account::take(account, folder.path());
        let socket = folder.path().join("s");
        let mut command = Account::command(account, &first_program(&["redis-server", "valkey-server"]));
        command
            .args(["--port", "0", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder.path());
        command.args(["--save", "", "--appendonly", "no", "--requirepass", password]);
        // The five seconds by which a dump waits for further replicas to share it.
        command.args(["--repl-diskless-sync-delay", "0"]);
        command.args(options);
        let running = Running::start(command, &folder.path().join("log"), Signal::KILL, || {
            Finished::run(client(&socket, password).arg("PING")).stdout == "PONG\n"
        });
        Self {
            running,
            folder,
            password: password.to_owned(),
        }
    }

    /// Runs commands, one a line; returns their answers. Panics on an error reply.
    #[track_caller]
    pub fn run(&self, commands: &str) -> String {
        Finished::run_with(&mut client(&self.socket(), &self.password), commands.as_bytes()).success()
    }

    /// Returns a fingerprint of a database: each key with its end of life in ms and a hash of its value.
    pub fn fingerprint(&self, database: u32) -> String {
        let script = "local keys = redis.call('KEYS', '*') table.sort(keys) local lines = {} \
             for _, key in ipairs(keys) do local value \
                 if redis.call('TYPE', key).ok == 'set' then \
                     value = redis.call('SMEMBERS', key) table.sort(value) value = table.concat(value, ' ') \
                 else value = redis.call('DUMP', key) end \
                 lines[#lines + 1] = key .. ' ' .. redis.call('PEXPIRETIME', key) .. ' ' .. redis.sha1hex(value) \
             end return lines";
        self.run(&format!("SELECT {database}\nDBSIZE\nEVAL \"{script}\" 0\n"))
    }

    /// Returns the folder with the server's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Ends the server as a crash does.
    pub fn kill(&self) {
        self.running.kill();
    }
}

fn account() -> Option<Account> {
    let package = if is_installed("redis-server") {
        "redis"
    } else {
        "valkey"
    };
    Account::of_package(package)
}

fn client(socket: &Path, password: &str) -> Command {
    let mut command = Command::new(first_program(&["redis-cli", "valkey-cli"]));
    command
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("REDISCLI_AUTH", password);
    command.arg("-e").arg("-s").arg(socket);
    command
}
