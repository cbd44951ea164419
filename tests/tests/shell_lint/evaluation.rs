//! Where a shell evaluates a text: as a number, a name of a variable, a pattern, a format, or as code.

use super::source::Source;

/// What the shell itself says, and is a number.
const NUMBERS: &[&str] = &["#", "?", "$", "EUID", "UID", "SECONDS", "RANDOM", "LINENO"];
/// The operators that make `[` evaluate both sides.
const COMPARISONS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];

pub(crate) fn findings(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        let mut say = |what: &str| found.push((index + 1, what.to_owned()));
        arithmetic(source, index, line, &mut say);
        comparisons(source, index, line, &mut say);
        names(source, line, &mut say);
        code(source, line, &mut say);
        patterns(line, &mut say);
    }
    found
}

/// `$(( ))` and `(( ))`.
fn arithmetic(source: &Source, index: usize, line: &str, say: &mut impl FnMut(&str)) {
    let mut rest = line;
    while let Some(begin) = rest.find("((") {
        // In a text it is one only after a dollar sign.
        let before = &line[..line.len() - rest.len() + begin];
        let is_command = [
            "", "if", "while", "until", "for", "!", "&&", "||", ";", "then", "do", "else",
        ]
        .iter()
        .any(|word| {
            before.trim() == *word || before.ends_with(&format!(" {word} ")) || before.ends_with("; ")
        });
        if !before.ends_with('$') && !is_command {
            rest = &rest[begin + 2..];
            continue;
        }
        let inside = &rest[begin + 2..];
        let end = inside.find("))").unwrap_or(inside.len());
        let inside = &inside[..end];
        if inside.contains("$(")
            || inside.contains('`')
            || has_computed_subscript(inside) && !is_length(inside)
        {
            say("arithmetic with what a command prints");
        }
        for name in variables(inside) {
            if !is_checked(source, index, &name) {
                say(&format!(
                    "arithmetic with `{name}`, which nobody has seen to be a number"
                ));
            }
        }
        rest = &rest[begin + 2 + end..];
    }
}

/// Returns whether there is a subscript that the script does not write out as a number.
fn has_computed_subscript(text: &str) -> bool {
    text.match_indices('[')
        .any(|(at, _)| subscript_end(&text[at..]).is_none())
}

/// The length of a subscript that is written out as a number, with its brackets.
fn subscript_end(text: &str) -> Option<usize> {
    let (number, _) = text.strip_prefix('[')?.split_once(']')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number.len() + 2)
}

fn is_length(text: &str) -> bool {
    text.match_indices('[').all(|(at, _)| {
        let before = &text[..at];
        before
            .rfind("${#")
            .is_some_and(|begin| !before[begin..].contains('}'))
    })
}

/// The names in an arithmetic expression, with or without a dollar sign; lengths are none.
fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if text[at..].starts_with("${#") {
            at += text[at..].find('}').unwrap_or(text.len() - at);
        } else if bytes[at] == b'$' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            names.push(text[at + 1..at + 2].to_owned());
            at += 2;
        } else if bytes[at].is_ascii_alphabetic() || bytes[at] == b'_' {
            let end = text[at..]
                .find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_')
                .map_or(text.len(), |length| at + length);
            let end = end + subscript_end(&text[end..]).unwrap_or(0);
            names.push(text[at..end].to_owned());
            at = end;
        } else if bytes[at].is_ascii_digit() {
            // A number, `10#` and `0x1f` too.
            while bytes
                .get(at)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
            {
                at += 1;
            }
        } else {
            at += 1;
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
    }
    names
}

/// `[ a -eq b ]`.
fn comparisons(source: &Source, index: usize, line: &str, say: &mut impl FnMut(&str)) {
    for operator in COMPARISONS {
        for (at, _) in line.match_indices(&format!(" {operator} ")) {
            let is_test = line[..at].contains('[') || line[..at].contains("test ");
            let left = line[..at]
                .rsplit_once("[ ")
                .map_or(&line[..at], |(_, left)| left)
                .trim_start_matches("! ");
            let left = match line[..at].rfind("test ") {
                Some(begin) if !left.contains("test ") => &line[begin + 5..at],
                _ => left,
            };
            let right = &line[at + operator.len() + 2..];
            let right = right.split([']', ';']).next().unwrap_or_default();
            for side in [left, right] {
                let side = side.trim().trim_matches('"');
                if is_test && !is_number(source, index, side) {
                    say(&format!(
                        "a comparison of numbers with `{side}`, which nobody has seen to be one"
                    ));
                }
            }
        }
    }
}

fn is_number(source: &Source, index: usize, side: &str) -> bool {
    let bare = side
        .trim_start_matches('$')
        .trim_start_matches('{')
        .trim_end_matches('}');
    side.parse::<i64>().is_ok()
        || side == "$(id -u)"
        || side.starts_with("${#")
        || side.starts_with('$') && NUMBERS.contains(&bare)
        || side.starts_with('$') && is_checked(source, index, bare)
        || side.starts_with("$((")
}

/// Returns whether a variable was seen to be a number: by `is_number` before, in the same function, or because all that it is ever
/// given are numbers.
fn is_checked(source: &Source, index: usize, name: &str) -> bool {
    if NUMBERS.contains(&name) {
        return true;
    }
    let guards = [
        format!("is_number \"${name}\""),
        format!("is_number \"${{{name}}}\""),
    ];
    let function = source.function_of(index);
    let is_guarded = (function.unwrap_or(0)..=index).any(|before| {
        guards.iter().any(|guard| source.lines[before].contains(guard))
            && source.function_of(before) == function
    });
    is_guarded || is_own(source, name)
}

/// Returns whether all that is given to a variable are numbers of the script itself.
fn is_own(source: &Source, name: &str) -> bool {
    let mut is_given = false;
    for line in &source.lines {
        for (at, _) in line.match_indices(name) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|sign| sign.is_ascii_alphanumeric() || "_$#{".contains(sign)) {
                continue;
            }
            let after = &line[at + name.len()..];
            let is_read =
                line[..at].contains("read ") || line[..at].contains("for ") && after.starts_with([' ', ';']);
            if is_read && !line[..at].contains("((") {
                return false;
            }
            let Some(value) = after.strip_prefix('=').or_else(|| after.strip_prefix(" = ")) else {
                continue;
            };
            let value = value.trim_start_matches('"');
            let is_number = value.starts_with(|sign: char| sign.is_ascii_digit())
                || ["$((", "$?", "$#", "$SECONDS", "$EUID", "${#"]
                    .iter()
                    .any(|own| value.starts_with(own));
            if !is_number {
                return false;
            }
            is_given = true;
        }
    }
    is_given
}

/// Names of variables that are made of a text.
fn names(source: &Source, line: &str, say: &mut impl FnMut(&str)) {
    for word in ["declare", "typeset", "let", "eval"] {
        // A declaration without a value evaluates nothing, and `-f` prints functions.
        let is_bare = |command: &str| {
            command.trim().starts_with("declare -f ")
                || ["-a ", "-A "].iter().any(|kind| {
                    command
                        .trim()
                        .strip_prefix("declare ")
                        .and_then(|rest| rest.strip_prefix(kind))
                        .is_some_and(|names| {
                            names
                                .chars()
                                .all(|sign| sign.is_ascii_alphanumeric() || sign == '_' || sign == ' ')
                        })
                })
        };
        if commands(line).any(|command| first_word(command) == word && !is_bare(command)) {
            say(&format!("`{word}` evaluates what it is given"));
        }
    }
    if line.contains("[[ -v ") || line.contains("[ -v ") {
        say("`-v` evaluates the name that it is given");
    }
    if line.contains("local -n") {
        say("`local -n` evaluates the name that it is given");
    }
    if line.contains("printf -v") {
        say("`printf -v` evaluates the name that it is given");
    }
    if line.contains("${!") {
        say("`${!name}` evaluates a name");
    }
    for command in commands(line) {
        let (word, rest) = command.trim().split_once(' ').unwrap_or((command.trim(), ""));
        if ["unset", "export", "readonly"].contains(&word) && rest.trim_start_matches('"').starts_with('$') {
            say(&format!("`{word}` with a name from a variable"));
        }
    }
    for (at, _) in line.match_indices('[') {
        let before = line[..at].chars().next_back();
        if !before.is_some_and(|sign| sign.is_ascii_alphanumeric() || sign == '_') {
            continue;
        }
        let inside = line[at + 1..].split(']').next().unwrap_or_default();
        let name = line[..at]
            .rsplit(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_')
            .next();
        if inside.contains('$') && !name.is_some_and(|name| is_map(source, name)) {
            say("a subscript from a variable, of a list that is not declared with `-A`");
        }
    }
}

/// Returns whether a script declares this list as one whose subscripts are texts.
fn is_map(source: &Source, name: &str) -> bool {
    let declarations = ["declare -A ", "local -A "];
    source.lines.iter().any(|line| {
        let line = line.trim();
        declarations
            .iter()
            .filter_map(|declaration| line.strip_prefix(declaration))
            .any(|names| names.split(' ').any(|known| known == name))
    })
}

/// Texts that are run.
fn code(source: &Source, line: &str, say: &mut impl FnMut(&str)) {
    for (at, _) in line.match_indices("sh -") {
        let text = code_argument(&line[at + 3..])
            .trim_start_matches('"')
            .split('"')
            .next()
            .unwrap_or_default();
        let is_own = text
            .strip_prefix('$')
            .is_some_and(|name| is_own_text(source, name));
        if text.contains('$') && !is_own {
            say("code for a shell with a variable in it");
        }
    }
    for command in commands(line) {
        let command = command.trim();
        let word = first_word(command);
        if word == "trap" && command.contains('$') {
            say("code for a trap with a variable in it");
        }
        if ["source", "."].contains(&word) && command.contains('$') {
            say("a file of code from a variable");
        }
    }
}

/// What follows the option `-c` of a shell.
fn code_argument(mut arguments: &str) -> &str {
    while arguments.starts_with('-') {
        let (option, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        arguments = rest.trim_start();
        if option.ends_with('c') {
            return arguments;
        }
        if option.ends_with('o') {
            // Its value.
            arguments = arguments
                .split_once(' ')
                .map_or("", |(_, rest)| rest.trim_start());
        }
    }
    ""
}

/// Returns whether all that is given to a variable are texts of the script between single quotes.
fn is_own_text(source: &Source, name: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "_-./${".contains(sign);
    let mut is_given = false;
    for (index, line) in source.lines.iter().enumerate() {
        for (at, _) in line.match_indices(name) {
            let after = &line[at + name.len()..];
            if line[..at].ends_with(is_sign) || after.starts_with(|sign: char| is_sign(sign) || sign == '[') {
                continue;
            }
            if ["read ", "for ", "mapfile "]
                .iter()
                .any(|giver| line[..at].contains(giver))
                || after.starts_with("+=")
            {
                return false;
            }
            let Some(value) = after.strip_prefix('=') else {
                continue;
            };
            // A text that goes on is left out up to its last quote.
            let is_quoted = if value == "'" {
                source.lines[index + 1..]
                    .iter()
                    .find(|line| !line.is_empty())
                    .is_some_and(|line| line == "'")
            } else {
                value
                    .strip_prefix("''")
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ';']))
            };
            if !is_quoted {
                return false;
            }
            is_given = true;
        }
    }
    is_given
}

/// Patterns, scripts of sed and awk, and formats.
fn patterns(line: &str, say: &mut impl FnMut(&str)) {
    if let Some((_, pattern)) = line.split_once(" =~ ")
        && pattern.trim_start().starts_with(['$', '"'])
        && pattern
            .split(' ')
            .next()
            .is_some_and(|pattern| pattern.trim_start_matches('"').starts_with('$'))
    {
        say("a pattern from a variable");
    }
    for command in commands(line) {
        let command = command.trim();
        let word = first_word(command);
        let mut arguments = command
            .split(' ')
            .skip(1)
            .skip_while(|argument| argument.starts_with('-') && !argument.contains('"'));
        match word {
            "sed" | "awk" => {
                // The script is the first argument between quotes; between single ones it is ours.
                let (before, text) = command.split_once(" \"").unwrap_or((command, ""));
                let script = text.split('"').next().unwrap_or_default();
                if script.contains('$') && !before.contains("''") {
                    say(&format!("a script of {word} with a variable in it"));
                }
            }
            "grep" => {
                let is_text = command.split(' ').any(|argument| {
                    argument.starts_with('-') && !argument.starts_with("--") && argument.contains('F')
                });
                let pattern = arguments.next().unwrap_or_default();
                if !is_text && pattern.contains('$') {
                    say("a pattern of grep from a variable");
                }
            }
            "printf" if arguments.next().unwrap_or_default().contains('$') => {
                say("a format with a variable in it");
            }
            _ => {}
        }
    }
}

/// The commands of a line, as far as one can tell without the shell's grammar.
pub(crate) fn commands(line: &str) -> impl Iterator<Item = &str> {
    let mut parts = Vec::new();
    let bytes = line.as_bytes();
    let (mut begin, mut quoted, mut depth) = (0, false, 0_u32);
    for (at, byte) in line.bytes().enumerate() {
        let is_command = bytes[..at].ends_with(b"$") || !quoted;
        match byte {
            b'"' if at == 0 || bytes[at - 1] != b'\\' => quoted = !quoted,
            b'(' if is_command => {
                parts.push(&line[begin..at]);
                begin = at + 1;
                if quoted {
                    depth += 1;
                    quoted = false;
                }
            }
            b')' if !quoted => {
                parts.push(&line[begin..at]);
                begin = at + 1;
                if depth > 0 {
                    depth -= 1;
                    quoted = true;
                }
            }
            b';' | b'|' | b'{' | b'`' if !(quoted || byte == b'{' && at > 0 && bytes[at - 1] == b'$') => {
                parts.push(&line[begin..at]);
                begin = at + 1;
            }
            b'&' if !quoted && bytes.get(at + 1) == Some(&b'&') => {
                parts.push(&line[begin..at]);
                begin = at + 2;
            }
            _ => {}
        }
    }
    parts.push(&line[begin.min(line.len())..]);
    parts.into_iter().map(without_keywords)
}

fn without_keywords(command: &str) -> &str {
    let mut command = command.trim_start_matches('&').trim_start();
    loop {
        let word = command.split(' ').next().unwrap_or_default();
        let is_assignment = word.split_once('=').is_some_and(|(name, value)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
                && value.matches('"').count() % 2 == 0
        });
        let is_keyword = [
            "if", "then", "else", "elif", "do", "while", "until", "!", "exec", "command", "env",
        ]
        .contains(&word);
        if !(is_keyword || is_assignment) || word.len() >= command.len() {
            return command;
        }
        command = command[word.len()..].trim_start();
    }
}

pub(crate) fn first_word(command: &str) -> &str {
    command.split([' ', '\t']).next().unwrap_or_default()
}
