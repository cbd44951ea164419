//! A stream on its way into a command, watched: what must not be unpacked is stopped before the command has it.

use std::io::{self, Write};

use crate::archive::{CheckFacts, Gate, Kind, Needs, Stage, StreamCheck};

/// Hands on what it gets, unless that has to be objected to.
pub(super) struct Vetted<'a, W> {
    intake: &'a mut W,
    check: Option<(Kind, Box<dyn StreamCheck>)>,
    gate: Option<Gate>,
    /// What the gate lets pass.
    passed: Vec<u8>,
    /// How many bytes there may be.
    most: u64,
    bytes: u64,
    objection: Option<String>,
}

impl<'a, W: Write> Vetted<'a, W> {
    /// Returns a stream of at most `most` bytes, which must be complete as a kind where one is named. Of a kind that is made of statements,
    /// those of a stage are handed on.
    pub(super) fn new(intake: &'a mut W, kind: Option<Kind>, stage: Stage, most: u64) -> Self {
        Self {
            intake,
            check: kind.map(|kind| (kind, kind.restore_check())),
            gate: kind.and_then(Kind::restore_gate).map(|gate| gate.only(stage)),
            passed: Vec::new(),
            most,
            bytes: 0,
            objection: None,
        }
    }

    /// Returns such a stream that tells at its end where its data lie, of a kind that can say so in itself.
    pub(super) fn placing(intake: &'a mut W, kind: Kind, most: u64) -> Option<Self> {
        let check = kind.placing_check()?;
        Some(Self {
            check: Some((kind, check)),
            ..Self::new(intake, Some(kind), Stage::WHOLE, most)
        })
    }

    /// Returns what is needed to restore what has come, besides rights on its own database.
    pub(super) fn needs(&self) -> Option<Needs> {
        self.gate.as_ref().map(Gate::needs)
    }

    /// Returns what the stream told about itself, where it has ended.
    ///
    /// # Errors
    /// What was objected to; after the end of the stream, also that it is not complete.
    pub(super) fn end(self, ended: bool) -> Result<CheckFacts, String> {
        if let Some(objection) = self.objection {
            return Err(objection);
        }
        let Some((kind, check)) = self.check.filter(|_| ended) else {
            return Ok(CheckFacts::default());
        };
        let facts = check
            .finish()
            .and_then(|facts| self.gate.map_or(Ok(()), |gate| gate.finish()).map(|()| facts));
        facts.map_err(|reason| format!("not a complete `{kind}`: {reason}"))
    }
}

impl<W: Write> Write for Vetted<'_, W> {
    /// Takes all of the bytes, or is an error and has handed on none of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.most {
            self.objection = Some(format!(
                "it holds more than the {} bytes that its manifest tells of",
                self.most
            ));
        }
        if let Some((kind, check)) = &mut self.check {
            check.feed(bytes);
            if let Some(reason) = check.objection() {
                self.objection
                    .get_or_insert(format!("not to be restored as a `{kind}`: {reason}"));
            }
        }
        self.passed.clear();
        if let Some(gate) = &mut self.gate
            && self.objection.is_none()
            && let Err(reason) = gate.take(bytes, &mut self.passed)
        {
            self.objection = Some(format!("not to be restored: {reason}"));
        }
        if self.objection.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let passed = if self.gate.is_some() { &self.passed } else { bytes };
        self.intake.write_all(passed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.intake.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::super::intake::Intake;
    use super::*;

    /// A tar archive of one file with this name.
    fn archive(name: &str) -> Vec<u8> {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(b"00000000000");
        block[148..156].fill(b' ');
        block[156] = b'0';
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block.resize(3 * 512, 0);
        block
    }

    /// Hands bytes to a command that keeps them; returns what was kept, and the objection.
    fn handed(kind: Option<Kind>, most: u64, bytes: &[u8]) -> (Vec<u8>, Option<String>) {
        let kept = tempfile::NamedTempFile::new().unwrap();
        let command = format!("exec cat > {}", kept.path().display());
        let mut intake = Intake::start(OsStr::new("sh"), &["-c".into(), command.into()], &[]).unwrap();
        let mut vetted = Vetted::new(&mut intake, kind, Stage::WHOLE, most);
        let written = bytes.chunks(512).try_for_each(|piece| vetted.write_all(piece));
        let objection = vetted.end(written.is_ok()).err();
        intake.finish().unwrap();
        (std::fs::read(kept.path()).unwrap(), objection)
    }

    #[test]
    fn what_is_sound_is_handed_on() {
        let archive = archive("folder/file");
        assert_eq!(handed(Some(Kind::Tar), 1536, &archive), (archive.clone(), None));
        assert_eq!(handed(None, 1536, &archive), (archive, None));
    }

    #[test]
    fn what_must_not_be_unpacked_never_reaches_the_command() {
        let hostile = [&archive("fine")[..512], &archive("../file")].concat();
        let (kept, objection) = handed(Some(Kind::Tar), 10_000, &hostile);
        assert_eq!(kept, hostile[..512]);
        assert_eq!(
            objection.unwrap(),
            "not to be restored as a `tar`: `../file` goes through `..`"
        );
    }

    #[test]
    fn a_stream_that_ends_early_or_goes_on_is_objected_to() {
        let archive = archive("file");
        let (_, objection) = handed(Some(Kind::Tar), 1536, &archive[..1024]);
        assert!(objection.unwrap().starts_with("not a complete `tar`"));
        let (kept, objection) = handed(None, 1000, &archive);
        assert_eq!(kept.len(), 512);
        assert!(objection.unwrap().contains("more than the 1000 bytes"));
    }
}
