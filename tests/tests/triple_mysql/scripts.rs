//! What the three scripts have in common.

use std::fs;
use std::path::Path;

#[test]
fn backup_and_restore_ask_the_same() {
    let shared = |script: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../scripts-available")
            .join(script);
        let text = fs::read_to_string(path).unwrap();
        let begin = text.find("# >>> The same in").unwrap();
        let end = text.find("# <<< The same in").unwrap();
        text[begin..end].to_owned()
    };
    assert!(shared("backup-mysql").len() > 1000);
    assert_eq!(shared("backup-mysql"), shared("restore-mysql"));
}
