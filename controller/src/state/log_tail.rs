//! The last words of a service: what a summary shows of its log.

use batt_protocol::Service;

/// The last bytes of each service's log, for a summary. Bounded per service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogTail(Vec<(Service, Vec<u8>)>);

impl LogTail {
    /// Enough for the last twenty lines that fit a terminal.
    pub(crate) const KEPT: usize = 2 << 10;

    /// The most services of one host.
    const MOST: usize = 64;

    /// Adds bytes as they arrived; those of too many services are left out.
    pub(crate) fn push(&mut self, service: &Service, bytes: &[u8]) {
        let place = match self.0.iter().position(|(known, _)| known == service) {
            Some(place) => place,
            None if self.0.len() == Self::MOST => return,
            None => {
                self.0.push((service.clone(), Vec::new()));
                self.0.len() - 1
            }
        };
        let tail = &mut self.0[place].1;
        let new = &bytes[bytes.len().saturating_sub(Self::KEPT)..];
        let excess = (tail.len() + new.len()).saturating_sub(Self::KEPT);
        tail.drain(..excess);
        tail.extend_from_slice(new);
    }

    /// Forgets a service.
    pub(crate) fn forget(&mut self, service: &Service) {
        self.0.retain(|(known, _)| known != service);
    }

    /// Returns the last `count` lines of a service, as it printed them: not escaped yet. The first may be cut.
    pub(crate) fn lines(&self, service: &Service, count: usize) -> Vec<String> {
        let Some((_, tail)) = self.0.iter().find(|(known, _)| known == service) else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(tail);
        let mut lines: Vec<String> = text.lines().rev().take(count).map(str::to_owned).collect();
        lines.reverse();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let service: Service = "mysql".parse().unwrap();
        let mut tail = LogTail::default();
        for number in 0..10_000 {
            tail.push(&service, format!("line {number}\n").as_bytes());
        }
        assert_eq!(tail.lines(&service, 2), ["line 9998", "line 9999"]);
        assert!(tail.0[0].1.len() <= LogTail::KEPT);
        tail.push(&service, &vec![b'x'; 1 << 20]);
        assert_eq!(tail.0[0].1.len(), LogTail::KEPT);
        tail.forget(&service);
        assert!(tail.lines(&service, 2).is_empty());
    }
}
