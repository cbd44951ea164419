//! Installing on a host whose shell is a real one, in a private folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::transport::memory::{HostEnd, MemoryTransport};
use crate::transport::{Deadlines, Target, Transport as _};

/// Runs the command in a shell, as sshd does.
async fn shell(end: HostEnd, path: Arc<str>) -> Ending {
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", &end.command])
        .env("PATH", &*path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let HostEnd {
        stdin,
        mut stdout,
        mut stderr,
        ..
    } = end;
    let mut input = Vec::new();
    let mut stdin = stdin;
    stdin.read_to_end(&mut input).await.unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let _ = pipe.write_all(&input).await;
    drop(pipe);
    let output = child.wait_with_output().await.unwrap();
    let _ = stdout.write_all(&output.stdout).await;
    let _ = stderr.write_all(&output.stderr).await;
    Ending::Exited(output.status.code().unwrap().cast_unsigned())
}

/// A program that is no ELF file but acts as the agent; the binary's machine is this one's.
fn agent(script: &str) -> AgentBinary {
    let mut agent = AgentBinary::read(&Path::new("/bin/sh").canonicalize().unwrap()).unwrap();
    agent.bytes = script.as_bytes().to_vec();
    agent.sha256 = crate::bundle::sha256(&agent.bytes);
    agent
}

async fn install_with(folder: &Path, agent: &AgentBinary, before: &str) -> Result<Installed, Trouble> {
    let path: Arc<str> = format!("{before}{}", std::env::var("PATH").unwrap()).into();
    let transport = MemoryTransport::default().host("db1", move |end| shell(end, path.clone()));
    let target = Target {
        name: "db1".into(),
        address: "db1".into(),
        port: 22,
        user: "root".into(),
        identity: None,
        pinned: Vec::new(),
    };
    let place = AgentPlace {
        path: folder.join("new folder/batt").to_string_lossy().into_owned(),
        home: folder.join("home").to_string_lossy().into_owned(),
        pattern: None,
        sudo: false,
    };
    let mut connection = transport
        .connect(&target, &Deadlines::default(), &mut |_| {})
        .await
        .unwrap();
    install(&mut *connection, &place, agent).await
}

const AGENT: &str = "#!/bin/sh\nmkdir -p \"$2\" && echo \"$0 $*\" >> \"$2/calls\"\n";

#[tokio::test]
async fn a_bare_host_gets_the_agent_and_its_home_once() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(AGENT);
    assert_eq!(
        install_with(folder.path(), &agent, "").await.unwrap(),
        Installed::New
    );
    let binary = folder.path().join("new folder/batt");
    assert_eq!(binary.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::read(&binary).unwrap(), agent.bytes);
    assert_eq!(
        install_with(folder.path(), &agent, "").await.unwrap(),
        Installed::Already
    );
    let calls = fs::read_to_string(folder.path().join("home/calls")).unwrap();
    assert_eq!(calls.lines().count(), 2);
    assert!(calls.lines().all(|call| call.ends_with(" init")), "{calls}");
    assert_eq!(fs::read_dir(folder.path().join("new folder")).unwrap().count(), 1);
}

#[tokio::test]
async fn an_old_agent_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("new folder")).unwrap();
    fs::write(folder.path().join("new folder/batt"), "old").unwrap();
    let agent = agent(AGENT);
    assert_eq!(
        install_with(folder.path(), &agent, "").await.unwrap(),
        Installed::New
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_with_the_words_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("new folder"), "a file is in the way").unwrap();
    let trouble = install_with(folder.path(), &agent(AGENT), "").await.unwrap_err();
    assert_eq!(trouble.class, HostClass::Failed);
    assert!(
        trouble.reason.contains("did not take the agent"),
        "{}",
        trouble.reason
    );

    let folder = tempfile::tempdir().unwrap();
    let broken = agent("#!/bin/sh\necho no home >&2; exit 3\n");
    let trouble = install_with(folder.path(), &broken, "").await.unwrap_err();
    assert!(
        trouble.reason.contains("exit code 3; its last words: no home"),
        "{}",
        trouble.reason
    );
}

#[tokio::test]
async fn another_machine_and_a_broken_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let fake = |name: &str, script: &str| {
        let tool = tools.join(name);
        fs::write(&tool, script).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let before = format!("{}:", tools.display());
    fake("sha256sum", "#!/bin/sh\necho 0000  -\n");
    let trouble = install_with(folder.path(), &agent(AGENT), &before)
        .await
        .unwrap_err();
    assert_eq!(trouble.class, HostClass::Protocol);
    assert!(!folder.path().join("new folder/batt").exists());
    assert!(!folder.path().join("new folder/batt.partial").exists());
    fake("uname", "#!/bin/sh\necho pdp11\n");
    let trouble = install_with(folder.path(), &agent(AGENT), &before)
        .await
        .unwrap_err();
    assert!(trouble.reason.contains("is a `pdp11`"), "{}", trouble.reason);
}
