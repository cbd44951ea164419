//! Whether a body with `;` in it is one statement: then each `;` is in a block that ends after it.
//!
//! The clients let servers take several statements at once, so after the body of a routine another statement could stand. What is
//! read here is more than the grammar of servers allows. It must not be less: where a server sees the end of a block, so must we.

use super::is_word;
use super::lexer::{Kind, Token};

/// How deep blocks are: as deep as those that servers are tested with, and more than people write.
const DEPTH: usize = 1000;

/// With what a statement in a body begins that is no block.
const VERBS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "SET",
    "CALL",
    "OPEN",
    "FETCH",
    "CLOSE",
    "LEAVE",
    "ITERATE",
    "RETURN",
    "SIGNAL",
    "RESIGNAL",
    "GET",
    "EXECUTE",
    "PREPARE",
    "DEALLOCATE",
    "DROP",
    "CREATE",
    "ALTER",
    "TRUNCATE",
    "START",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "LOCK",
    "UNLOCK",
    "WITH",
    "DO",
    "SHOW",
    "ANALYZE",
    "OPTIMIZE",
    "CHECK",
    "REPAIR",
    "RENAME",
    "GRANT",
    "REVOKE",
    "KILL",
    "FLUSH",
    "HANDLER",
    "LOAD",
    "TABLE",
    "VALUES",
    "EXPLAIN",
    "DESCRIBE",
    "XA",
    "USE",
    "RESET",
    "PURGE",
    "CHANGE",
    "STOP",
    "INSTALL",
    "UNINSTALL",
    "CACHE",
    "CHECKSUM",
];

/// Reads a body.
pub(super) struct Body<'a> {
    tokens: &'a [Token<'a>],
    is_oracle: bool,
    at: usize,
    depth: usize,
}

impl<'a> Body<'a> {
    /// Returns whether these tokens, from where the body begins, are one statement.
    pub(super) fn is_one(tokens: &'a [Token<'a>], is_oracle: bool) -> bool {
        if !tokens.iter().any(|token| token.is_mark(b';')) {
            return true;
        }
        let mut body = Body {
            tokens,
            is_oracle,
            at: 0,
            depth: 0,
        };
        body.statement().is_some() && {
            if body.is_mark(b';') {
                body.at += 1;
            }
            body.at == tokens.len()
        }
    }

    /// Returns whether these tokens are what follows the name of a package, or of a routine in Oracle's way: `[(...)] [RETURN type] AS
    /// declarations BEGIN statements END`.
    pub(super) fn is_one_scope(tokens: &'a [Token<'a>]) -> bool {
        if !tokens.iter().any(|token| token.is_mark(b';')) {
            return true;
        }
        let mut body = Body {
            tokens,
            is_oracle: true,
            at: 0,
            depth: 0,
        };
        body.header_of_scope() == Some(true) && body.scope().is_some() && {
            if body.is_mark(b';') {
                body.at += 1;
            }
            body.at == tokens.len()
        }
    }

    fn is(&self, word: &str) -> bool {
        is_word(self.tokens.get(self.at), word)
    }

    fn is_mark(&self, mark: u8) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.is_mark(mark))
    }

    fn take(&mut self, word: &str) -> bool {
        let is = self.is(word);
        self.at += usize::from(is);
        is
    }

    /// A statement, without the `;` after it.
    fn statement(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        // In Oracle's way what stands before a `:` is no label: `IF :NEW.x > 1 THEN`.
        let has_label = if self.is_oracle {
            self.targets()?;
            false
        } else {
            self.label()
        };
        let token = self.tokens.get(self.at)?;
        // In Oracle's way a variable is set by its name: `x := 1`, `:NEW.x := 1`.
        let is_variable = self.is_oracle && (token.kind == Kind::Name || token.is_mark(b':'));
        // A query in parentheses is one.
        if token.kind != Kind::Word && !is_variable && !token.is_mark(b'(') {
            return None;
        }
        if self.take("BEGIN") {
            if self.take("NOT") && !self.take("ATOMIC") {
                return None;
            }
            self.block()?;
        } else if self.take("LOOP") {
            self.list(&["END"])?;
            self.end(&["LOOP"])?;
        } else if self.take("WHILE") || self.take("FOR") {
            self.skip_to(&["DO", "LOOP"])?;
            self.list(&["END"])?;
            self.end(&["WHILE", "FOR", "LOOP"])?;
        } else if self.take("REPEAT") {
            self.list(&["UNTIL"])?;
            self.skip_to(&["END"])?;
            self.at -= 1;
            self.end(&["REPEAT"])?;
        } else if has_label {
            return None;
        } else if self.take("IF") {
            self.condition()?;
        } else if self.take("CASE") {
            self.case()?;
        } else if self.is("DECLARE") {
            self.declare()?;
        } else if self.is_oracle || self.is_mark(b'(') || VERBS.iter().any(|verb| self.is(verb)) {
            self.simple();
        } else {
            return None;
        }
        self.depth -= 1;
        Some(())
    }

    /// `<<label>>`, any number of times, which stand before any statement.
    fn targets(&mut self) -> Option<()> {
        let begin = self.at;
        while self.is_mark(b'<') {
            let rest = &self.tokens[self.at..];
            let is_name = rest
                .get(2)
                .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name));
            let is_label = is_name
                && [(1, b'<'), (3, b'>'), (4, b'>')]
                    .iter()
                    .all(|(at, mark)| rest.get(*at).is_some_and(|token| token.is_mark(*mark)));
            is_label.then_some(())?;
            self.at += 5;
        }
        // No block ends where a statement has to follow.
        let ends = ["END", "ELSE", "ELSIF", "ELSEIF", "WHEN", "EXCEPTION", "UNTIL"];
        (self.at == begin || !ends.iter().any(|word| self.is(word))).then_some(())
    }

    /// `label:`
    fn label(&mut self) -> bool {
        let next = self.tokens.get(self.at + 1);
        let after = self.tokens.get(self.at + 2);
        let is_label = self
            .tokens
            .get(self.at)
            .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name))
            && next.is_some_and(|token| token.is_mark(b':'))
            && !after.is_some_and(|token| token.is_mark(b'='));
        self.at += 2 * usize::from(is_label);
        is_label
    }

    /// What follows `BEGIN`, to the end of the block and the label after it.
    fn block(&mut self) -> Option<()> {
        self.list(&["END"])?;
        self.end(&[])
    }

    /// `END`, one of these words, and a label.
    fn end(&mut self, words: &[&str]) -> Option<()> {
        if !self.take("END") || !words.is_empty() && !words.iter().any(|word| self.take(word)) {
            return None;
        }
        let is_label = self
            .tokens
            .get(self.at)
            .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name));
        self.at += usize::from(is_label);
        // Nothing but the end of the statement follows.
        (self.at == self.tokens.len() || self.is_mark(b';')).then_some(())
    }

    /// Statements, each with its `;`, up to one of these words.
    fn list(&mut self, until: &[&str]) -> Option<()> {
        loop {
            if until.iter().any(|word| self.is(word)) {
                return Some(());
            }
            if self.is_oracle && self.take("EXCEPTION") {
                continue;
            }
            if self.is_oracle && self.take("WHEN") {
                self.skip_to(&["THEN"])?;
                continue;
            }
            self.statement()?;
            if !self.is_mark(b';') {
                return None;
            }
            self.at += 1;
        }
    }

    /// What follows `IF`.
    fn condition(&mut self) -> Option<()> {
        const NEXT: [&str; 4] = ["ELSEIF", "ELSIF", "ELSE", "END"];
        self.skip_to(&["THEN"])?;
        loop {
            self.list(&NEXT)?;
            if self.take("ELSEIF") || self.take("ELSIF") {
                self.skip_to(&["THEN"])?;
            } else if self.take("ELSE") {
                self.list(&["END"])?;
                return self.end(&["IF"]);
            } else {
                return self.end(&["IF"]);
            }
        }
    }

    /// What follows `CASE`, as a statement.
    fn case(&mut self) -> Option<()> {
        if !self.is("WHEN") {
            self.skip_to(&["WHEN"])?;
            self.at -= 1;
        }
        while self.take("WHEN") {
            self.skip_to(&["THEN"])?;
            self.list(&["WHEN", "ELSE", "END"])?;
        }
        if self.take("ELSE") {
            self.list(&["END"])?;
        }
        self.end(&["CASE"])
    }

    /// `DECLARE` of a variable, a cursor, a condition; or of a handler, which is a statement.
    fn declare(&mut self) -> Option<()> {
        if self.is_oracle {
            self.at += 1;
            return self.scope();
        }
        if !self.is_handler(self.at + 1) {
            self.simple();
            return Some(());
        }
        self.at += 1;
        self.handler()
    }

    /// Whether a handler is declared at this place.
    fn is_handler(&self, at: usize) -> bool {
        let is_kind = ["CONTINUE", "EXIT", "UNDO"]
            .iter()
            .any(|word| is_word(self.tokens.get(at), word));
        is_kind && is_word(self.tokens.get(at + 1), "HANDLER") && is_word(self.tokens.get(at + 2), "FOR")
    }

    /// `CONTINUE HANDLER FOR`, what it is for, and its statement.
    fn handler(&mut self) -> Option<()> {
        self.at += 3;
        loop {
            if self.take("SQLSTATE") {
                self.take("VALUE");
                self.at += 1;
            } else if self.take("NOT") {
                self.take("FOUND").then_some(())?;
            } else {
                // The name or the number of a condition.
                let is_name = self
                    .tokens
                    .get(self.at)
                    .is_some_and(|token| token.kind != Kind::Mark);
                is_name.then_some(())?;
                self.at += 1;
            }
            if !self.is_mark(b',') {
                break;
            }
            self.at += 1;
        }
        self.statement()
    }

    /// Goes to the next `;`, or the end.
    fn simple(&mut self) {
        while self.at < self.tokens.len() && !self.is_mark(b';') {
            self.at += 1;
        }
    }

    /// Goes behind one of these words, which ends an expression. A `CASE` in an expression has words of its own; words that are names
    /// of columns there would make it another one for us than for a server, so where it does not fit nothing fits.
    fn skip_to(&mut self, words: &[&str]) -> Option<()> {
        // Of each `CASE` that is open, whether its `THEN` has come.
        let mut cases: Vec<bool> = Vec::new();
        let mut parentheses = 0_usize;
        loop {
            let token = self.tokens.get(self.at)?;
            if token.is_mark(b';') {
                return None;
            }
            if cases.is_empty() && parentheses == 0 && words.iter().any(|word| token.is(word)) {
                self.at += 1;
                return Some(());
            }
            if token.is_mark(b'(') {
                parentheses += 1;
            } else if token.is_mark(b')') {
                parentheses = parentheses.checked_sub(1)?;
            } else if token.is("CASE") {
                cases.push(false);
            } else if token.is("THEN") {
                *cases.last_mut()? = true;
            } else if token.is("WHEN") || token.is("ELSE") {
                cases.last()?;
            } else if token.is("END") && cases.is_empty() {
                // A variable or column: no server ends a block in an expression that goes on to one of the words.
            } else if token.is("END") && !cases.pop()? {
                return None;
            }
            self.at += 1;
        }
    }

    /// What stands between the name of a routine and `AS`. Returns whether it has a body, and is not only announced.
    fn header_of_scope(&mut self) -> Option<bool> {
        let mut parentheses = 0_usize;
        loop {
            let token = self.tokens.get(self.at)?;
            if token.is_mark(b'(') {
                parentheses += 1;
            } else if token.is_mark(b')') {
                parentheses = parentheses.checked_sub(1)?;
            } else if parentheses == 0 && token.is_mark(b';') {
                return Some(false);
            } else if parentheses == 0 && (token.is("AS") || token.is("IS")) {
                self.at += 1;
                return Some(true);
            }
            self.at += 1;
        }
    }

    /// Declarations, and the block after them, where there is one.
    fn scope(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        loop {
            if self.take("BEGIN") {
                self.block()?;
                break;
            }
            if self.is("END") {
                self.end(&[])?;
                break;
            }
            if self.take("PROCEDURE") || self.take("FUNCTION") {
                if self.header_of_scope()? {
                    self.scope()?;
                }
            } else if self.is_handler(self.at) {
                self.handler()?;
            } else {
                self.simple();
            }
            if !self.is_mark(b';') {
                return None;
            }
            self.at += 1;
        }
        self.depth -= 1;
        Some(())
    }
}
