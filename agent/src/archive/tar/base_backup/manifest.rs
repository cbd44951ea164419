//! `backup_manifest` as PostgreSQL 13 and later write it: JSON, one file a line, and a SHA-256 over all lines before the last
//! (documentation of PostgreSQL, "Backup Manifest Format"). It is read line by line: that of a large cluster is large.

use serde::Deserialize;

use super::super::super::Digest;

/// A line has one path in it, hexadecimal at worst.
const LINE_LIMIT: usize = 16 << 10;
const RANGES_LIMIT: usize = 1000;
const HINT: &str = "hint: pg_basebackup --manifest-checksums=SHA256";

/// A file that the manifest names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// What of the write-ahead log a recovery needs: from a byte up to one that is not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) timeline: u32,
    pub(super) start: u64,
    pub(super) end: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenFile {
    path: Option<String>,
    #[serde(rename = "Encoded-Path")]
    encoded_path: Option<String>,
    size: u64,
    #[serde(rename = "Checksum-Algorithm")]
    algorithm: Option<String>,
    checksum: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenRange {
    timeline: u32,
    #[serde(rename = "Start-LSN")]
    start: String,
    #[serde(rename = "End-LSN")]
    end: String,
}

/// A manifest while it passes.
#[derive(Default)]
pub(super) struct Manifest {
    line: Vec<u8>,
    digest: Digest,
    ranges: Vec<Range>,
    /// What the last line says the SHA-256 of those before it is.
    checksum: Option<String>,
    damage: Option<String>,
}

impl Manifest {
    /// Takes the next bytes and returns the files that they name.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Listed> {
        let mut listed = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.damage.is_some() {
                break;
            }
            self.line.extend_from_slice(piece);
            if self.line.len() > LINE_LIMIT {
                self.damage = Some("a line that is too long".to_owned());
            } else if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                match self.line(&line) {
                    Ok(file) => listed.extend(file),
                    Err(damage) => self.damage = Some(damage),
                }
            }
        }
        listed
    }

    /// Returns what of the write-ahead log is needed.
    pub(super) fn finish(mut self) -> Result<Vec<Range>, String> {
        if let Some(damage) = self.damage {
            return Err(damage);
        }
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.line(&line)?;
        }
        let checksum = self.checksum.ok_or("it is cut: its own checksum is missing")?;
        if self.digest.hex() != checksum {
            return Err("it is not what was written: its own SHA-256 differs".to_owned());
        }
        if self.ranges.is_empty() {
            return Err("it does not say what of the write-ahead log is needed".to_owned());
        }
        Ok(self.ranges)
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Listed>, String> {
        if self.checksum.is_some() {
            return Err("something follows its end".to_owned());
        }
        let text = str::from_utf8(line).map_err(|_| "a line that is not UTF-8".to_owned())?;
        if let Some(rest) = text.strip_prefix("\"Manifest-Checksum\": \"") {
            let checksum = rest.trim_end().strip_suffix("\"}");
            self.checksum = Some(checksum.ok_or("a last line that is none")?.to_owned());
            return Ok(None);
        }
        self.digest.update(line);
        let object = text.trim().trim_end_matches(',');
        let cannot = |error: serde_json::Error| format!("a line that cannot be understood: {error}");
        if object.starts_with("{ \"Timeline\":") {
            if self.ranges.len() == RANGES_LIMIT {
                return Err(format!("more than {RANGES_LIMIT} ranges"));
            }
            let written: WrittenRange = serde_json::from_str(object).map_err(cannot)?;
            self.ranges.push(Range {
                timeline: written.timeline,
                start: parse_position(&written.start)?,
                end: parse_position(&written.end)?,
            });
            return Ok(None);
        }
        if object.starts_with("{ \"Path\":") || object.starts_with("{ \"Encoded-Path\":") {
            let written: WrittenFile = serde_json::from_str(object).map_err(cannot)?;
            return listed(written).map(Some);
        }
        Ok(None)
    }
}

fn listed(written: WrittenFile) -> Result<Listed, String> {
    let path = match (written.path, written.encoded_path) {
        (Some(path), _) => path,
        (None, Some(encoded)) => decoded(&encoded).ok_or("a path that cannot be decoded")?,
        (None, None) => return Err("a file without a path".to_owned()),
    };
    let shown = path.escape_debug().to_string();
    match (written.algorithm.as_deref(), written.checksum) {
        (Some("SHA256"), Some(sha256)) => Ok(Listed {
            path,
            size: written.size,
            sha256,
        }),
        _ => Err(format!("it has no SHA-256 of `{shown}`\n{HINT}")),
    }
}

/// Reads pairs of hexadecimal digits.
fn decoded(hexadecimal: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = hexadecimal
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

/// Reads a position in the write-ahead log: two hexadecimal numbers.
fn parse_position(text: &str) -> Result<u64, String> {
    let number = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    text.split_once('/')
        .and_then(|(high, low)| Some((number(high)? << 32) | number(low)?))
        .ok_or_else(|| format!("a position `{}`", text.escape_debug()))
}

/// Writes a position as PostgreSQL does.
pub(super) fn position(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
}
