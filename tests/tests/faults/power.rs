//! The power is cut: whatever was not synced by then is lost, and what was reported good is there and whole.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use batt_tests::process::{kill_those_with, until};
use serde_json::Value;

use super::extent::is_full;
use super::invariants::Watched;
use super::private_mounts::{enter, must};

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: from now on nothing reaches the disk, as when the power is cut.
const CUT: &str = "open(my $disk, '<', $ARGV[0]) or die $!; my $flags = pack('L', 2); ioctl($disk, 0x8004587d, $flags) or die $!";

#[test]
fn what_was_reported_good_before_the_power_was_cut_is_there_and_whole() {
    if !enter("power::what_was_reported_good_before_the_power_was_cut_is_there_and_whole") {
        return;
    }
    let seeds = if is_full() { 50 } else { 5 };
    (0..seeds).for_each(cut_at);
}

/// A disk of its own, in a file.
struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    fn new(folder: &Path) -> Self {
        let disk = Self {
            image: folder.join("disk"),
            mount: folder.join("mounted"),
        };
        std::fs::create_dir(&disk.mount).unwrap();
        let image = disk.image.to_str().unwrap();
        must("truncate", &["-s", "64M", image]);
        must("mkfs.ext4", &["-q", "-m", "0", image]);
        disk.mount();
        disk
    }

    fn mount(&self) {
        let (image, mount) = (self.image.to_str().unwrap(), self.mount.to_str().unwrap());
        must("mount", &["-o", "loop", image, mount]);
    }

    fn unmount(&self) {
        let mount = self.mount.to_str().unwrap();
        let mut unmount = std::process::Command::new("umount");
        unmount.arg(mount);
        until("the disk can be unmounted", || {
            unmount.status().is_ok_and(|status| status.success())
        });
    }
}

/// Backs up again and again, and cuts the power at a moment that the seed tells, when one backup or several were reported good.
fn cut_at(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path());
    let mount = disk.mount.to_str().unwrap();
    let mut watched = Watched::new_in(&disk.mount);
    must("sync", &["-f", mount]);
    let reported: Mutex<Vec<(String, PathBuf)>> = Mutex::default();
    let is_cut = AtomicBool::new(false);
    let before = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_cut.load(Ordering::SeqCst) {
                    break;
                }
                // In turn to the place that has one, and to a folder that nobody has made yet.
                let mut place = watched.host.root().join("backup");
                if number % 2 == 1 {
                    place.push(format!("fresh/{number}"));
                }
                let finished = watched
                    .host
                    .batt_at(&place.join("%Y/%m/%d"), &["--format", "json", "data"]);
                if let (Some(0), Ok(report)) =
                    (finished.code, serde_json::from_str::<Value>(&finished.stdout))
                {
                    let run = report["run"].as_str().unwrap().to_owned();
                    let path = report["services"][0]["path"].as_str().unwrap().into();
                    reported.lock().unwrap().push((run, path));
                }
            }
        });
        let least = 1 + (seed % 3) as usize;
        until("some were reported good", || {
            reported.lock().unwrap().len() >= least
        });
        // Spread over some runs; a step that has no divisor in common with the length of one.
        std::thread::sleep(Duration::from_micros(seed * 37_003 % 600_000));
        let before = reported.lock().unwrap().clone();
        must("perl", &["-e", CUT, mount]);
        is_cut.store(true, Ordering::SeqCst);
        before
    });
    kill_those_with(watched.host.root().to_str().unwrap());
    disk.unmount();
    disk.mount();

    let what = format!("power cut, seed {seed}");
    let visible = watched.visible();
    let runs: Value =
        serde_json::from_str(&watched.host.batt(&["--format", "json", "runs"]).success()).unwrap();
    for (place, (run, path)) in before.iter().enumerate() {
        let remembered = runs["runs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|known| known["run"] == run.as_str());
        assert_eq!(
            remembered.map(|known| known["exit"].clone()),
            Some(0.into()),
            "{what}: the journal of {run}"
        );
        let replaced = before[place + 1..].iter().any(|(_, later)| later == path);
        if !replaced {
            let there = visible.get(path).map(super::invariants::run_of);
            let there = there.unwrap_or_else(|| panic!("{what}: {} is gone", path.display()));
            let known = before.iter().any(|(run, _)| run == there);
            assert!(
                there == run || !known,
                "{what}: {there} lies in the place of {run}"
            );
        }
    }
    watched.invariants(&what, None);
    drop(watched);
    disk.unmount();
}
