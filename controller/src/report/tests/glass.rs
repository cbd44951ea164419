//! A terminal for tests: takes the sequences that we draw with, wraps what is too wide, scrolls what is too much, and
//! refuses all other sequences.

/// What a person sees: all rows that ever were, and the cursor.
#[derive(Debug)]
pub(super) struct Glass {
    columns: usize,
    rows: usize,
    /// Rows that scrolled away are kept, as in a scroll-back.
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Glass {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            lines: vec![Vec::new()],
            row: 0,
            column: 0,
        }
    }

    /// Makes the terminal narrower or wider; like most, it wraps what was too wide anew.
    pub(super) fn resize(&mut self, columns: usize) {
        assert_eq!(self.column, 0, "the cursor is left at the start of a row");
        let below = self.lines.split_off(self.row);
        assert!(
            below.iter().all(Vec::is_empty),
            "nothing is left below the cursor"
        );
        let mut lines = Vec::new();
        for line in self.lines.drain(..) {
            match line.is_empty() {
                true => lines.push(line),
                false => lines.extend(line.chunks(columns).map(<[char]>::to_vec)),
            }
        }
        self.row = lines.len();
        lines.push(Vec::new());
        (self.lines, self.columns) = (lines, columns);
    }

    /// Returns the rows, without the empty ones at the end.
    pub(super) fn text(&self) -> String {
        let rows: Vec<String> = self
            .lines
            .iter()
            .map(|line| line.iter().collect::<String>().trim_end().to_owned())
            .collect();
        rows.join("\n").trim_end().to_owned()
    }

    pub(super) fn draw(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\n' => {
                    self.down();
                    self.column = 0;
                }
                '\r' => self.column = 0,
                '\x1b' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut number = String::new();
                    let kind = loop {
                        match rest.next().unwrap() {
                            c @ ('0'..='9' | ';' | '?') => number.push(c),
                            kind => break kind,
                        }
                    };
                    self.sequence(kind, &number);
                }
                c => self.put(c),
            }
        }
    }

    fn sequence(&mut self, kind: char, number: &str) {
        match kind {
            'A' => {
                // The cursor never leaves the screen.
                let top = self.lines.len().saturating_sub(self.rows);
                self.row = self.row.saturating_sub(number.parse().unwrap()).max(top);
            }
            'J' => {
                self.lines[self.row].truncate(self.column);
                // The rows stay, empty.
                self.lines[self.row + 1..].iter_mut().for_each(Vec::clear);
            }
            'm' => {}
            'h' | 'l' => assert_eq!(number, "?2026"),
            other => panic!("unexpected sequence {number}{other}"),
        }
    }

    fn put(&mut self, c: char) {
        assert!(!c.is_control(), "{c:?} reached the terminal");
        if self.column == self.columns {
            self.down();
            self.column = 0;
        }
        let line = &mut self.lines[self.row];
        line.resize(line.len().max(self.column + 1), ' ');
        line[self.column] = c;
        self.column += 1;
    }

    fn down(&mut self) {
        self.row += 1;
        if self.row == self.lines.len() {
            self.lines.push(Vec::new());
        }
    }
}
