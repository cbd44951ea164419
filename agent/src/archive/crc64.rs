//! CRC-64 as Redis and Valkey end their snapshots with it: the Jones polynomial, reflected, from zero, not inverted.
//! Eight bytes a step, so that the check keeps up with the hash beside it.

/// 0xad93d23594c935a9 with its bits reversed.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[k][b]` is the sum of the byte `b` followed by `k` zero bytes.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ POLYNOMIAL
            } else {
                sum >> 1
            };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let previous = tables[zeros - 1][byte];
            tables[zeros][byte] = (previous >> 8) ^ tables[0][(previous & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// A sum over a stream that comes in pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Crc64(u64);

impl Crc64 {
    /// Adds the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let mut sum = self.0;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            let mixed = (sum ^ u64::from_le_bytes(*word)).to_le_bytes();
            sum = 0;
            for (position, byte) in mixed.into_iter().enumerate() {
                sum ^= TABLES[7 - position][usize::from(byte)];
            }
        }
        for byte in rest {
            sum = (sum >> 8) ^ TABLES[0][usize::from((sum as u8) ^ byte)];
        }
        self.0 = sum;
    }

    /// Returns the sum so far.
    pub(super) fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_that_of_redis() {
        for piece in 1..=9 {
            let mut sum = Crc64::default();
            b"123456789".chunks(piece).for_each(|piece| sum.update(piece));
            assert_eq!(sum.value(), 0xe9c6_d914_c4b8_d9ca);
        }
    }
}
