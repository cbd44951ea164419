//! A lint of our own for shipped scripts, beside shellcheck: what comes from outside is evaluated nowhere, and root does not act
//! by path where others may write. docs/how-to-write-a-script.md tells how a script passes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod evaluation;
mod paths;
mod source;

use std::fs;
use std::path::Path;

use source::Source;

/// Returns what is wrong with a script: the number of a line, and what is on it.
fn findings(script: &str, text: &str) -> Vec<(usize, String)> {
    let source = Source::read(text);
    let mut found = evaluation::findings(&source);
    // A drill is never root: it runs as an account of its own, which may act wherever it can.
    if !script.starts_with("drill-") {
        found.extend(paths::findings(&source));
    }
    found.retain(|(line, _)| !source.is_explained(*line));
    found.sort();
    found.dedup();
    found
}

#[test]
fn shipped_scripts_evaluate_nothing_and_act_nowhere_by_path() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts-available");
    let mut said = Vec::new();
    let mut scripts: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    for path in scripts {
        let script = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for (line, what) in findings(script, &text) {
            let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
            said.push(format!("scripts-available/{script}:{line}: {what}\n    {shown}"));
        }
    }
    assert!(said.is_empty(), "{} findings\n{}", said.len(), said.join("\n"));
}

/// What must be found, one each.
const BAD: &[&str] = &[
    "x=$((answer / 2))",
    "x=\"$(($(ask) + 1))\"",
    "((answer > 3)) || exit 1",
    "[ \"$answer\" -gt 3 ]",
    "[ 3 -le \"$(ask TIME)\" ]",
    "[[ $answer -eq 3 ]]",
    "if test \"$answer\" -ne 0; then :; fi",
    "f() {\n    is_number \"$answer\"\n}\n[ \"$answer\" -gt 3 ]",
    "answer=0\nread -r answer < file\n[ \"$answer\" -gt 3 ]",
    "let answer+=1",
    "eval \"$answer\"",
    "[[ -v $answer ]]",
    "printf -v name %b \"$answer\"",
    "printf \"$answer\\n\"",
    "printf -- $answer",
    "declare \"$answer\"",
    "declare -A seen=([$answer]=1)",
    "if ((answer > 3)); then :; fi",
    "cat <<-SQL\n\tSELECT $((answer))\nSQL",
    "local -n list=$1",
    "typeset -i n",
    "unset \"$answer\"",
    "export \"$answer\"",
    "echo \"${!answer}\"",
    "echo \"${list[$answer]}\"",
    "list[$answer]=1",
    "bash -c \"run $answer\"",
    "sh -c \"$(declare -f run)\"",
    "sed -n \"s/^$1://p\"",
    "grep -q \"^$answer\" file",
    "grep \"$answer\" file",
    "awk \"/$answer/\"",
    "[[ $text =~ $answer ]]",
    "source \"$answer\"",
    ". \"$answer\"",
    "echo text >\"$target/file\"",
    "echo text >>\"$1\"",
    ": > /var/lib/thing/file",
    "chown redis \"$file\"",
    "chmod 600 -- \"$file\"",
    "mv -T -- \"$file\" \"$folder/dump.rdb\"",
    "[ -z \"$x\" ] || rm -rf -- \"$short\"",
    "rm -f -- \"$TMPDIR/a\" \"$folder/b\"",
    "x=$(mktemp -d /tmp/batt.XXXXXX)",
    "cd \"$folder\"",
    "if mkdir -m 700 -- \"$folder/new\"; then :; fi",
    "ln -s /proc/self/fd/0 \"$folder/x\"",
    "cp -a -- \"$TMPDIR/a\" \"$folder\"",
    "touch \"$folder/x\"",
    "file=$TMPDIR/x\nfile=$1\nrm -- \"$file\"",
    "rm -- \"$TMPDIR/../x\"",
    "is_number \"${list[0]}\" || exit 1\nx=$((list[1] / 2))",
    "is_number \"${list[0]}\" || exit 1\nx=$((list[i] / 2))",
    "code='run '\ncode+=$answer\nbash -c \"$code\"",
    "code='run '\"$answer\"\nbash -c \"$code\"",
    "code='run\nit '\"$answer\"\nbash -c \"$code\"",
    "code='run'\nread -r code\nbash -c \"$code\"",
    "code='run'\nbash -c \"$code $answer\"",
    "bash -euo pipefail -c \"run $answer\"",
    "rm -f copy",
    "echo text >lines",
    "cd /\nrm -f copy",
    "cd \"$TMPDIR\"\ncd /\nrm -f copy",
    "cd \"$TMPDIR\"\nrm -f \"copy/$member\"",
    "cd \"$TMPDIR\"\nrm -f copy/*",
    "f() {\n    rm -f copy\n}\ncd \"$TMPDIR\"",
    "cd \"$TMPDIR\"\nf() {\n    rm -f copy\n}\ncd /\nf",
    "[ -n \"${BATT_STAGE:-}\" ] || mkdir tree\nexec batt stage \"$target\" -- \"$0\"",
    "batt stage \"$target\" -- \"$0\"\nmkdir tree",
    "folder=$TMPDIR\n: >\"$folder.sql\"",
    "chgrp redis \"$file\"",
    "trap \"rm -- '$folder'\" EXIT",
    "find \"$folder\" -type f -exec chmod u+r {} +",
    "find -L \"$folder\" -delete",
    "batt load \"$name\" -- dd of=\"$folder/x\" bs=1M",
];

/// What is allowed.
const GOOD: &[&str] = &[
    "number=0\nnumber=$((number + 1))",
    "[ $# -eq 1 ] || [ \"${#list[@]}\" -gt 0 ]",
    "[ \"$(id -u)\" -eq 0 ] && [ \"$EUID\" -eq 0 ]",
    "f() {\n    is_number \"$1\" || return 1\n    [ \"$1\" -gt 3 ]\n}",
    "is_number \"$answer\" || fail \"no\"\nx=$((answer / 2))",
    "ended=0\nrun || ended=$?\n[ \"$ended\" -ne 3 ]",
    "begun=$SECONDS\nbatt record x \"$((SECONDS - begun))\"",
    "for ((i = 0; i < ${#list[@]}; i += 2)); do :; done",
    "[ \"$answer\" -gt 3 ] # floor: it was made by wc",
    "# floor: the settings are root's\nsource \"$answer\"",
    "echo 'eval \"$answer\" $((answer))' # eval $((x))",
    "printf '%s\\n' \"$answer\"",
    "echo \"${list[@]}\" \"${list[0]}\" \"${#list[*]}\"",
    "grep -q '^db[0-9]' <<<\"$answer\"",
    "grep -F -- \"$answer\" file",
    "sed -n 's/^a//p' <<<\"$answer\"",
    "[[ $answer =~ ^[0-9]+$ ]]",
    "bash -c 'exec cat >\"$1\"' write \"$TMPDIR/file\"",
    "echo text >\"$TMPDIR/file\" 2>/dev/null",
    "echo text >&2",
    "echo \"a > b\" 'rm -rf /'",
    "say \"run rm -rf $folder\" \"a mv b\"",
    "instance=$BATT_SCRATCH/instance\nmkdir -m 700 -- \"$instance\" \"$instance/tmp\"",
    "batt as --nobody -- rm -- \"$folder/x\"",
    "rm -f -- \"$BATT_DEST/redis/x\"",
    "cd /",
    "declare -a list other",
    "declare -A seen\nseen[=$answer]=1\necho \"${seen[=$answer]:-}\"",
    "cat <<-SQL\n\tSELECT ((a > 3) AND b)\nSQL",
    "query \"SELECT ((a) > 3\n    AND ((b)) > 4)\"",
    "case $answer in rm) echo mv ;; esac",
    "is_number \"${list[1]}\" || exit 1\nx=$((list[1] / 2))\n((list[1] < 3))",
    "code='run \"$1\"'\nbash -c \"$code\" run \"$answer\"",
    "code='run\n\"$1\"\nit'\nbash -euo pipefail -c \"$code\" run \"$answer\"",
    "calling() {\n    declare -f \"$@\"\n}",
    "cd \"$TMPDIR\"\nmkdir copy\nf() {\n    rm -f copy/db\n    cd copy\n}\necho text >lines",
    "if [ -z \"${BATT_STAGE:-}\" ]; then\n    exec batt stage \"$target\" -- \"$0\" \"$@\"\nfi\nmkdir tree\nfile=dump\nchmod 600 \"$file\"",
    "trap 'rm -rf -- \"$folder\"' EXIT",
    "find \"$TMPDIR/tree\" -type f -exec chmod u+r {} +",
    "find \"$folder\" -type f -printf x | wc -c",
    "batt load \"$name\" -- dd of=\"$BATT_SCRATCH/x\" bs=1M",
    "lines=$TMPDIR/lines\n: >\"$lines.sql\"",
];

#[test]
fn what_is_wrong_is_found() {
    for bad in BAD {
        assert!(!findings("restore-thing", bad).is_empty(), "not found: {bad}");
    }
}

/// It is never root.
#[test]
fn a_drill_acts_where_it_can_and_evaluates_nothing() {
    assert_eq!(findings("drill-thing", "rm -rf \"$folder\""), []);
    assert!(!findings("drill-thing", "x=$((answer))").is_empty());
}

#[test]
fn what_is_right_is_let_pass() {
    for good in GOOD {
        assert_eq!(findings("restore-thing", good), [], "{good}");
    }
}
