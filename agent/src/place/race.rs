//! Another account that swaps folders and names as fast as it can, against each verb: 100
//! calls of each, 10,000 with `BATT_ATTACKS=full`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use batt_protocol::Error;

use super::stage::Stage;
use super::target::Target;
use super::*;

const USER: u32 = 60_418;
/// In its own folder: `app` is a link to what is root's alone, then a folder again; so is all that appears hidden.
const RACER: &str = r#"
my ($canary) = @ARGV; my $taken = 0; $| = 1;
sub strike { for my $path (glob(".batt* app/.batt*")) {
    next if -l $path;
    if (-d _) { rename $path, "taken" . $taken++ and symlink $canary, $path } else { unlink $path and symlink "$canary/secret", $path }
} }
print "ready\n";
while (1) {
    rename "app", "away"; symlink $canary, "app"; strike(); unlink "app"; rename "away", "app"; strike();
    unlink glob("app/x* x*");
}
"#;

struct Racer(Child);

impl Drop for Racer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn tree(folder: &Path) -> Vec<(PathBuf, u32, u32, u64, i64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        found.push((
            path.clone(),
            data.mode(),
            data.uid(),
            data.len(),
            data.mtime_nsec(),
        ));
        if data.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

/// Makes a call again and again beside the account, then once when the account rests, which must go well: beside it
/// each may be refused, as the account may be held up at a bad moment for as long as all of them take.
#[track_caller]
fn raced(call: impl Fn(&Path) -> Result<(), Error>) {
    if !rustix::process::geteuid().is_root() {
        return; // only root can be another account
    }
    let ground = tempfile::tempdir().unwrap();
    fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (home, canary) = (ground.path().join("home"), ground.path().join("canary"));
    for folder in [&home, &home.join("app")] {
        fs::create_dir(folder).unwrap();
        chown(folder, Some(USER), Some(USER)).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::create_dir_all(canary.join("backups/archive")).unwrap();
    for file in ["secret", "x", "backups/archive/x"] {
        fs::write(canary.join(file), "root's alone").unwrap();
    }
    symlink("secret", canary.join("link")).unwrap();
    let before = tree(&canary);
    let mut child = Command::new("setpriv")
        .args([
            "--reuid",
            &USER.to_string(),
            "--regid",
            &USER.to_string(),
            "--clear-groups",
        ])
        .args(["perl", "-e", RACER])
        .arg(&canary)
        .current_dir(&home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let racer = Racer(child);
    let is_full = std::env::var("BATT_ATTACKS").is_ok_and(|how| how == "full");
    for _ in 0..if is_full { 10_000 } else { 100 } {
        let _ = call(&home.join("app"));
    }
    drop(racer);
    assert_eq!(tree(&canary), before, "something outside changed");
    let app = home.join("at-rest");
    fs::create_dir(&app).unwrap();
    chown(&app, Some(USER), Some(USER)).unwrap();
    call(&app).unwrap();
}

#[test]
fn a_file_is_put_where_it_was_meant_to_be_or_nowhere() {
    let placement = Placement {
        from: None,
        like: None,
        mode: None,
        with: vec!["-wal".into()],
        replace: true,
    };
    raced(|app| {
        let target = Target::find(&app.join("x"), Missing::Made(FOLDER_MODE))?;
        placement.put_read(&mut "restored".as_bytes(), &target, &mut |_| {})
    });
}

#[test]
fn a_file_without_unnamed_files_is_put_there_or_nowhere() {
    raced(|app| {
        let target = Target::find(&app.join("x"), Missing::Made(FOLDER_MODE))?;
        let fail = |cause| target.fail("raced", cause);
        let mut partial = Partial::named(&target).map_err(fail)?;
        partial
            .file
            .write_all(b"restored")
            .map_err(|cause| target.fail("raced", cause))?;
        partial.name_it(&target).map_err(fail)
    });
}

#[test]
fn what_goes_aside_is_in_the_folder_of_the_account() {
    raced(|app| aside(app, &["-wal".into()], &mut |_| {}));
}

fn fill(stage: &Stage) {
    rustix::fs::mkdirat(&stage.folder, "deep", Mode::RWXU).unwrap();
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
    rustix::fs::openat(&stage.folder, "deep/x", flags, Mode::RUSR).unwrap();
}

#[test]
fn a_private_folder_is_the_only_one_that_is_filled_and_removed() {
    raced(|app| {
        let stage = Stage::make(&app.join("x"))?;
        fill(&stage);
        Ok(())
    });
    // In the folder of the account itself, as where its home is a file system of its own.
    raced(|app| {
        let target = Target::find(&app.join("x"), Missing::End)?;
        let stage = Stage::make_in(
            rustix::io::dup(target.folder()).map_err(|cause| target.fail("raced", cause))?,
            app,
        )?;
        fill(&stage);
        Ok(())
    });
}
