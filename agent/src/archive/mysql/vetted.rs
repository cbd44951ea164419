//! Whether a restore will take a dump, found out while it is written: then there is somebody who can still do something about it.

use super::gate::{Content, Gate, Stage};
use super::{CheckFacts, MysqlCheck, StreamCheck};

/// The fact that tells what a restore needs besides rights on the one database.
const NEEDS: &str = "needs";

/// The check of a dump that has to pass the gate of a restore.
pub(crate) struct VettedDump {
    check: MysqlCheck,
    gate: Gate,
    passed: Vec<u8>,
    refused: Option<String>,
}

impl VettedDump {
    pub(crate) fn new(content: Content) -> Self {
        Self {
            check: MysqlCheck::default(),
            gate: Gate::new(content).only(Stage::NOTHING),
            passed: Vec::new(),
            refused: None,
        }
    }
}

impl StreamCheck for VettedDump {
    fn feed(&mut self, bytes: &[u8]) {
        self.check.feed(bytes);
        if self.refused.is_none() {
            self.refused = self.gate.take(bytes, &mut self.passed).err();
            self.passed.clear();
        }
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        let mut facts = Box::new(self.check).finish()?;
        match (
            self.refused.or_else(|| self.gate.finish().err()),
            self.gate.needs().words(),
        ) {
            (Some(reason), _) => facts.refuse(reason),
            (None, Some(needs)) => facts.insert(NEEDS, &needs),
            (None, None) => {}
        }
        Ok(facts)
    }
}
