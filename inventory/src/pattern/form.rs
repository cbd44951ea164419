//! Which of the three forms a pattern is written in, and what to say about one that is written in two.

use crate::selection_error::{SelectionError, SelectionErrorKind};
use crate::text::quoted;

use super::token::{Kind, Token};

/// The form of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing but terms and commas, which mean the same in every form.
    Common,
    Ansible,
    ClusterShell,
    Words,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Common | Self::Words => "words",
            Self::Ansible => "Ansible's form",
            Self::ClusterShell => "ClusterShell's form",
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Common | Self::Words => "words: `not` before `and` before `or`",
            Self::Ansible => "Ansible: unions, then `&`, then `!`",
            Self::ClusterShell => "ClusterShell: from left to right",
        }
    }
}

/// Tells the form by the signs that occur.
pub(crate) fn detect(text: &str, tokens: &[Token]) -> Result<Form, SelectionError> {
    let (mut ansible, mut cluster, mut parentheses, mut groups, mut commas) =
        (false, false, false, false, false);
    let mut words = false;
    let mut after_operand = false;
    for token in tokens {
        match &token.kind {
            Kind::And | Kind::Or | Kind::Not | Kind::Compare { .. } => words = true,
            Kind::Colon => ansible = true,
            Kind::Ampersand | Kind::Exclamation if after_operand => cluster = true,
            Kind::Ampersand | Kind::Exclamation => ansible = true,
            Kind::Caret => cluster = true,
            Kind::Open | Kind::Close => parentheses = true,
            Kind::Comma => commas = true,
            Kind::Term(term) => groups |= term.starts_with('@'),
        }
        after_operand = matches!(token.kind, Kind::Term(_) | Kind::Close | Kind::Compare { .. });
    }
    // Words know `@` and parentheses as well; only without words do these show ClusterShell's form.
    cluster |= !words && (parentheses || groups);
    let mut forms = Vec::new();
    forms.extend(words.then_some(Form::Words));
    forms.extend(ansible.then_some(Form::Ansible));
    forms.extend(cluster.then_some(Form::ClusterShell));
    if words && commas && forms.len() == 1 {
        forms.push(Form::ClusterShell);
    }
    match forms.as_slice() {
        [] => Ok(Form::Common),
        [form] => Ok(*form),
        [first, second, ..] => Err(mixed(text, tokens, *first, *second)),
    }
}

fn mixed(text: &str, tokens: &[Token], first: Form, second: Form) -> SelectionError {
    let message = format!("{} mixes {} and {}", quoted(text), first.name(), second.name());
    let readings: Vec<String> = [first, second]
        .into_iter()
        .filter_map(|form| Some(format!("{} ({})", quoted(&reading(tokens, form)?), form.rule())))
        .collect();
    let hint = match readings.as_slice() {
        [] => "write it in one form: `db:&prod:!db03`, `@db&@prod!db03`, or `db and prod and not db03`"
            .to_owned(),
        several => format!("write {}", several.join(" or ")),
    };
    SelectionError::new(SelectionErrorKind::Pattern, message, hint)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Or,
    And,
    ButNot,
}

/// Writes the pattern anew as one form would read it, when it is a plain row of terms.
fn reading(tokens: &[Token], form: Form) -> Option<String> {
    let mut row: Vec<(Joint, String)> = Vec::new();
    let mut joint = Joint::Or;
    for token in tokens {
        match &token.kind {
            Kind::Comma | Kind::Colon | Kind::Or => joint = Joint::Or,
            Kind::Ampersand | Kind::And => joint = Joint::And,
            Kind::Exclamation | Kind::Not => joint = Joint::ButNot,
            Kind::Term(term) => {
                row.push((joint, term.clone()));
                joint = Joint::Or;
            }
            Kind::Compare { key, value, equal } => {
                row.push((joint, format!("{key}{}{value}", if *equal { "=" } else { "!=" })));
                joint = Joint::Or;
            }
            Kind::Caret | Kind::Open | Kind::Close => return None,
        }
    }
    let has_comparison = tokens
        .iter()
        .any(|token| matches!(token.kind, Kind::Compare { .. }));
    let has_source = row
        .iter()
        .any(|(_, term)| term.starts_with('@') && term.contains(':'));
    match form {
        Form::Ansible if !has_comparison && !has_source => Some(as_ansible(&row)),
        Form::ClusterShell if !has_comparison => Some(as_row(&row, [",", "&", "!"], "@*!")),
        Form::Words => Some(as_row(&row, [" or ", " and ", " and not "], "not ")),
        _ => None,
    }
}

fn as_ansible(row: &[(Joint, String)]) -> String {
    let mut items = Vec::new();
    for (wanted, sign) in [(Joint::Or, ""), (Joint::And, "&"), (Joint::ButNot, "!")] {
        let same = row.iter().filter(|(joint, _)| *joint == wanted);
        items.extend(same.map(|(_, term)| format!("{sign}{}", term.trim_start_matches('@'))));
    }
    items.join(":")
}

fn as_row(row: &[(Joint, String)], [or, and, but_not]: [&str; 3], all_but: &str) -> String {
    let mut written = String::new();
    for (index, (joint, term)) in row.iter().enumerate() {
        written.push_str(match (index, joint) {
            (0, Joint::ButNot) => all_but,
            (0, _) => "",
            (_, Joint::Or) => or,
            (_, Joint::And) => and,
            (_, Joint::ButNot) => but_not,
        });
        written.push_str(term);
    }
    written
}
