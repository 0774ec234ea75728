//! How deep a source nests, known before it is parsed.
//!
//! The parser recurses without a limit of its own, and some of its look-ahead costs the square of the depth. So the
//! depth is measured first, by a scan that recurses nowhere, and it decides whether a source is parsed at all and how
//! much stack the parse gets. The scan may say too much, never too little. Where it cannot tell a division from a
//! regular expression without parsing, it stops believing closing brackets, since they may stand inside a literal.
//!
//! Knows tokens, not grammar.

use super::parse::Language;

/// Brackets open at once. QuickJS itself gives up between 250 and 700 with its default stack.
pub(super) const MAX_DEPTH: usize = 500;

/// Brackets that may follow the place where the scan lost its certainty.
const MAX_UNCERTAIN: usize = 5_000;

/// Constructs open at once that nest without a bracket: `!!!x`, `a = b = c`, `if (a) if (b)`. They are counted per
/// bracket and forgotten at its end or at a `;`, so a long list of statements counts for more than it nests.
const MAX_PREFIXES: usize = 100_000;

/// `<` behind a name, open at once, that may start type arguments. The parser tries each of them both ways, so they
/// cost 2 to the power of their number; at this one about 50 ms.
const MAX_ANGLES: usize = 14;

/// Sum of the depths of all opening brackets: bounds the time of the parser's quadratic look-ahead.
const MAX_TOTAL: usize = 10_000_000;

/// Stack for one open bracket: twice what the hungriest construct takes in an unoptimised build, behind a whole
/// ladder of binary operators.
const BRACKET_STACK: usize = 32 << 10;
/// The same for what nests without a bracket.
const PREFIX_STACK: usize = 4 << 10;
const BASE_STACK: usize = 4 << 20;

/// Sources that need no more than this for their nesting are read where the reader is called. A thread of its own
/// would be most of what reading an ordinary workflow costs.
const SHALLOW_STACK: usize = 640 << 10;
/// What such a source takes in all, at most, in an unoptimised build. The threads of runs have twice as much.
#[cfg(test)]
pub(super) const SHALLOW_THREAD: usize = 1 << 20;

/// What the scan found out.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    prefixes: usize,
    angles: usize,
    /// Offsets of the word `export` outside all brackets.
    pub(super) exports: Vec<usize>,
    /// Offsets after each `}` that closes the last open bracket.
    pub(super) blocks: Vec<usize>,
}

impl Nesting {
    /// Stack that parsing and walking this source takes at most, bytes. Only what is used is ever committed.
    pub(super) fn stack_bytes(&self) -> usize {
        BASE_STACK + self.nested_bytes()
    }

    /// Whether the source is so shallow that it can be read on any thread: with [`SHALLOW_THREAD`] of stack left it
    /// does not matter which.
    pub(super) fn is_shallow(&self) -> bool {
        self.nested_bytes() <= SHALLOW_STACK
    }

    fn nested_bytes(&self) -> usize {
        (self.depth + self.angles) * BRACKET_STACK + self.prefixes * PREFIX_STACK
    }
}

/// The source nests deeper than this room accepts: from which offset on, and beyond which limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep {
    pub(super) at: usize,
    pub(super) limit: String,
}

/// Measures a source without its byte order mark.
pub(super) fn measure(text: &str, language: Language) -> Result<Nesting, TooDeep> {
    let mut scan = Scan { text, types: language == Language::TypeScript, ..Scan::default() };
    if text.starts_with("#!") {
        scan.at = line_end(text, 0);
    }
    while let Some(character) = scan.peek() {
        if scan.uncertain {
            scan.count_only(character)?;
        } else {
            scan.token(character)?;
        }
    }
    Ok(scan.found)
}

/// Words that start a statement and are no type.
const STATEMENTS: [&str; 18] = [
    "const", "let", "var", "if", "else", "for", "while", "do", "return", "switch", "case", "throw", "try",
    "catch", "export", "class", "break", "continue",
];

/// What the last token says about a `/` that follows it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// An operator or an opening bracket: a regular expression.
    #[default]
    Operator,
    /// A value: a division.
    Operand,
    /// A dot: the next word is a property, and `1./2` divides.
    Dot,
    /// `if`, `for`, `while`, `with`: the bracket that follows is no operand.
    Header,
    /// Only the grammar knows.
    Unknown,
}

#[derive(Default)]
struct Level {
    open: u8,
    /// The parentheses of `if (…)` and its like.
    header: bool,
    prefixes: usize,
    /// `<` that nothing has closed yet; counted in TypeScript only.
    angles: usize,
    /// Of the statement that a `;` has ended, in case an `else` continues it.
    ended: usize,
}

#[derive(Default)]
struct Scan<'a> {
    text: &'a str,
    /// Whether types may stand in the text.
    types: bool,
    at: usize,
    last: Last,
    levels: Vec<Level>,
    /// The level outside all brackets.
    top: Level,
    prefixes: usize,
    angles: usize,
    total: usize,
    uncertain: bool,
    /// Just behind the `}` of a block or an object.
    after_block: bool,
    /// Brackets counted after certainty was lost.
    guessed: usize,
    found: Nesting,
}

impl Scan<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().unwrap_or(&mut self.top)
    }

    fn too_deep<T>(&self, limit: usize, what: &str) -> Result<T, TooDeep> {
        Err(TooDeep { at: self.at, limit: format!("{limit} {what}") })
    }

    fn token(&mut self, character: char) -> Result<(), TooDeep> {
        if character.is_whitespace() || character == '\u{feff}' {
            self.at += character.len_utf8();
            return Ok(());
        }
        if matches!(self.rest(), [b'/', b'/' | b'*', ..]) {
            self.comment();
            return Ok(());
        }
        let after_block = std::mem::take(&mut self.after_block);
        match character {
            '"' | '\'' => self.string(character),
            '`' => {
                self.at += 1;
                self.template()?;
            }
            '/' => self.slash(),
            '(' | '[' | '{' => {
                self.open(character as u8)?;
                self.at += 1;
            }
            ')' | ']' | '}' => self.close(character as u8)?,
            // In a module this is an operator, at the start of a line the parser takes it for a comment.
            '<' if self.rest().starts_with(b"<!--") => self.uncertain = true,
            // An escape may spell a keyword, and `\u{…}` holds brackets that are none.
            '\\' => self.uncertain = true,
            '.' => {
                let spread = self.rest().starts_with(b"...");
                self.last = if spread { Last::Operator } else { Last::Dot };
                self.at += if spread { 3 } else { 1 };
            }
            '+' | '-' if self.rest().get(1) == Some(&(character as u8)) => {
                // Before its operand or behind it?
                self.prefix(2)?;
                self.last = Last::Unknown;
                self.at += 2;
            }
            ';' => {
                self.end_statement();
                self.last = Last::Operator;
                self.at += 1;
            }
            _ if is_word(character) => self.word(after_block)?,
            '?' if matches!(self.rest(), [_, b'?', ..] | [_, b'.', b'!'..=b'/' | b':'..=b'~', ..]) => {
                // `??` and `?.` make chains, not trees.
                self.last = if self.rest().starts_with(b"??") { Last::Operator } else { Last::Dot };
                self.at += 2;
            }
            '<' | '>' if self.types => self.angle(character)?,
            '=' if self.types && self.rest().starts_with(b"=>") => {
                self.prefix(1)?;
                self.last = Last::Operator;
                self.at += 2;
            }
            '&' | '|' if self.types && self.rest().get(1) == Some(&(character as u8)) => {
                self.no_types_here();
                self.last = Last::Operator;
                self.at += 2;
            }
            '+' | '-' if self.last == Last::Operand => {
                // Between two operands: the parser goes along in a loop.
                self.last = Last::Operator;
                self.at += 1;
            }
            _ => {
                self.prefix(usize::from(is_prefix(character)))?;
                self.last = Last::Operator;
                self.at += 1;
            }
        }
        Ok(())
    }

    /// After certainty is lost: everything that may open counts, nothing closes.
    fn count_only(&mut self, character: char) -> Result<(), TooDeep> {
        match character {
            '(' | '[' | '{' => {
                self.guessed += 1;
                if self.guessed > MAX_UNCERTAIN {
                    return self.too_deep(
                        MAX_UNCERTAIN,
                        "brackets behind a `/` that may be a division or a regular expression",
                    );
                }
                self.found.depth = self.found.depth.max(self.levels.len() + self.guessed);
            }
            _ if is_word(character) => return self.word(false),
            '<' if self.types => self.open_angle()?,
            _ => self.prefix(usize::from(is_prefix(character)))?,
        }
        self.at += character.len_utf8();
        Ok(())
    }

    fn open(&mut self, open: u8) -> Result<(), TooDeep> {
        let header = open == b'(' && self.last == Last::Header;
        self.levels.push(Level { open, header, ..Level::default() });
        self.total += self.levels.len();
        if self.levels.len() > MAX_DEPTH {
            return self.too_deep(MAX_DEPTH, "open brackets");
        }
        if self.total > MAX_TOTAL {
            return self.too_deep(MAX_TOTAL, "brackets around brackets");
        }
        self.found.depth = self.found.depth.max(self.levels.len());
        self.last = Last::Operator;
        Ok(())
    }

    fn close(&mut self, close: u8) -> Result<(), TooDeep> {
        let expected = match close {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        let open = self.levels.last().map(|level| level.open);
        if open != Some(expected) && !(close == b'}' && open == Some(b'`')) {
            self.uncertain = true;
            return Ok(());
        }
        self.at += 1;
        let Some(level) = self.levels.pop() else { return Ok(()) };
        self.prefixes -= level.prefixes;
        self.angles -= level.angles;
        self.after_block = level.open == b'{';
        self.last = match level.open {
            b'(' if level.header => Last::Operator,
            b'{' => Last::Unknown,
            _ => Last::Operand,
        };
        if level.open == b'{' && self.levels.is_empty() {
            self.found.blocks.push(self.at);
        }
        if level.open == b'`' { self.template() } else { Ok(()) }
    }

    fn angle(&mut self, angle: char) -> Result<(), TooDeep> {
        // One by one, so that the two of `>>` close two; `<<` may be `<` before a generic function.
        self.last = Last::Operator;
        let shift = self.rest().strip_prefix(b"<<").map(<[u8]>::trim_ascii_start);
        if shift.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit)) {
            self.at += 2;
        } else if angle == '<' {
            self.open_angle()?;
            self.at += 1;
        } else {
            let level = self.level();
            let closed = usize::from(level.angles > 0);
            level.angles -= closed;
            self.angles -= closed;
            self.at += 1;
        }
        Ok(())
    }

    fn open_angle(&mut self) -> Result<(), TooDeep> {
        self.level().angles += 1;
        self.angles += 1;
        if self.angles > MAX_ANGLES {
            return self.too_deep(MAX_ANGLES, "open `<` that may start type arguments");
        }
        self.found.angles = self.found.angles.max(self.angles);
        Ok(())
    }

    /// What no type holds was found, so the `<` before it only compare.
    fn no_types_here(&mut self) {
        let stale = std::mem::take(&mut self.level().angles);
        self.angles -= stale;
    }

    fn prefix(&mut self, count: usize) -> Result<(), TooDeep> {
        self.level().prefixes += count;
        self.prefixes += count;
        if self.prefixes > MAX_PREFIXES {
            return self.too_deep(MAX_PREFIXES, "operators and conditions in one statement");
        }
        self.found.prefixes = self.found.prefixes.max(self.prefixes);
        Ok(())
    }

    /// What nests without brackets on this level is over, unless an `else` or the `while` of a `do` comes next.
    fn end_statement(&mut self) {
        let level = self.level();
        let ended = std::mem::take(&mut level.prefixes);
        level.ended = ended;
        self.prefixes -= ended;
        self.no_types_here();
    }

    fn word(&mut self, after_block: bool) -> Result<(), TooDeep> {
        let start = self.at;
        self.skip_word();
        let text = self.text;
        let word = &text[start..self.at];
        // No expression goes on with a word behind a `}`, except for these operators.
        if after_block && !matches!(word, "in" | "instanceof" | "of" | "catch" | "finally") {
            self.end_statement();
        }
        if matches!(word, "else" | "while") {
            let level = self.level();
            let ended = std::mem::take(&mut level.ended);
            self.prefix(ended)?;
        }
        if self.types && !self.uncertain && self.last != Last::Dot && STATEMENTS.contains(&word) {
            self.no_types_here();
        }
        let nests = matches!(
            word,
            "typeof"
                | "void"
                | "delete"
                | "await"
                | "yield"
                | "new"
                | "do"
                | "else"
                | "extends"
                | "if"
                | "for"
                | "while"
                | "with"
        );
        let in_types = self.types && matches!(word, "keyof" | "readonly" | "unique" | "infer" | "asserts");
        self.prefix(usize::from(nests || in_types))?;
        let top = self.levels.is_empty() && !self.uncertain;
        if word == "export" && top && self.last != Last::Dot {
            self.found.exports.push(start);
        }
        self.last = match word {
            _ if self.last == Last::Dot => Last::Operand,
            "if" | "for" | "while" | "with" => Last::Header,
            // `for await (`
            "await" if self.last == Last::Header => Last::Header,
            "return" | "typeof" | "case" | "do" | "else" | "void" | "delete" | "in" | "instanceof"
            | "new" | "throw" | "extends" | "default" => Last::Operator,
            "of" | "yield" | "await" | "break" | "continue" | "debugger" => Last::Unknown,
            _ => Last::Operand,
        };
        Ok(())
    }

    fn skip_word(&mut self) {
        while let Some(character) = self.peek().filter(|character| is_word(*character)) {
            self.at += character.len_utf8();
        }
    }

    fn string(&mut self, quote: char) {
        self.at += 1;
        while let Some(character) = self.peek() {
            self.at += character.len_utf8();
            match character {
                '\\' => self.escaped(),
                '\n' | '\r' => return self.uncertain = true,
                _ if character == quote => return self.last = Last::Operand,
                _ => {}
            }
        }
    }

    /// Steps over what a backslash stands before; `\r\n` is one line end.
    fn escaped(&mut self) {
        let Some(character) = self.peek() else { return };
        self.at += if self.rest().starts_with(b"\r\n") { 2 } else { character.len_utf8() };
    }

    /// The text of a template, up to its end or into its next `${`.
    fn template(&mut self) -> Result<(), TooDeep> {
        while let Some(character) = self.peek() {
            if self.rest().starts_with(b"${") {
                self.open(b'`')?;
                self.at += 2;
                return Ok(());
            }
            self.at += character.len_utf8();
            match character {
                '\\' => self.escaped(),
                '`' => {
                    self.last = Last::Operand;
                    return Ok(());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn comment(&mut self) {
        if self.rest().starts_with(b"//") {
            self.at = line_end(self.text, self.at);
        } else {
            let body = self.at + 2;
            self.at = self.text[body..].find("*/").map_or(self.text.len(), |length| body + length + 2);
        }
    }

    fn slash(&mut self) {
        match self.last {
            Last::Operand | Last::Dot => {
                self.at += 1;
                self.last = Last::Operator;
            }
            Last::Operator => self.regular_expression(),
            Last::Unknown | Last::Header => self.uncertain = true,
        }
    }

    fn regular_expression(&mut self) {
        self.at += 1;
        let mut in_class = false;
        while let Some(character) = self.peek() {
            if super::position::is_line_end(character) {
                return self.uncertain = true;
            }
            self.at += character.len_utf8();
            match character {
                '\\' => {
                    self.at += self
                        .peek()
                        .filter(|next| !super::position::is_line_end(*next))
                        .map_or(0, char::len_utf8)
                }
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    self.skip_word();
                    return self.last = Last::Operand;
                }
                _ => {}
            }
        }
    }
}

fn is_word(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '$' | '#' => true,
        '\u{feff}' => false,
        _ => !character.is_ascii() && !character.is_whitespace(),
    }
}

/// Operators behind which the parser may go one level down.
fn is_prefix(character: char) -> bool {
    matches!(character, '!' | '~' | '+' | '-' | '=' | '?' | ':' | '*' | '@')
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..].find(super::position::is_line_end).map_or(text.len(), |length| from + length)
}

#[cfg(test)]
mod tests {
    use oxc_allocator::Allocator;
    use oxc_parser::config::TokensParserConfig;
    use oxc_parser::{Kind, ParseOptions, Parser};
    use oxc_span::SourceType;
    use proptest::prelude::*;

    use super::*;

    fn js(text: &str) -> Result<Nesting, TooDeep> {
        measure(text, Language::JavaScript)
    }

    fn depth(text: &str) -> usize {
        js(text).unwrap().depth
    }

    #[test]
    fn counts_only_brackets_that_are_code() {
        for (text, expected) in [
            ("", 0),
            ("([{", 3),
            ("()[]{}", 1),
            ("(')' + \")\" + `)`(", 2),
            ("('\\')' (", 2),
            ("(// )\n(", 2),
            ("(// )\r(", 2),
            ("(// )\u{2028}(", 2),
            ("(/* ) */(", 2),
            ("(/)/.x(", 2),
            ("(/[/)]/.x(", 2),
            ("(/\\/)/.x(", 2),
            ("(a /b) / (c", 1),
            ("(a / (b) / (c) / (", 2),
            ("(1./2) / (", 1),
            ("(this.return / 2) / (", 1),
            ("x.if(a) / '(/(' + (", 1),
            ("return /)/g, (", 1),
            ("if (a) /)/.b((", 2),
            ("for await (a of b) /)/.b((", 2),
            ("[.../)/.x, (", 2),
            ("`${(`${[", 4),
            ("`${a}(((` (", 1),
            ("`\\${((` (", 1),
            ("'a\\\r\n)' (", 1),
            ("#!((((\n(", 1),
            ("\u{a0}return\u{a0}/)/, (", 1),
        ] {
            assert_eq!(depth(text), expected, "{text:?}");
        }
    }

    #[test]
    fn never_counts_too_little_where_it_cannot_know() {
        // The brackets behind the slash may be part of a literal, and so may their ends.
        for text in [
            "{} /'/; ((((((((((",
            "{} /\"/.test(a) ? ((((((((((1)))))))))) : '\"'",
            "a++ /')/ ((((((((((",
            "yield /')/ ((((((((((",
            "\\u0061 /)/ ((((((((((",
            ") ((((((((((",
            "<!-- ' \n((((((((((",
        ] {
            assert!(depth(text) >= 10, "{text:?}: {}", depth(text));
        }
    }

    #[test]
    fn refuses_what_is_too_deep() {
        for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("`${", "}`"), ("f(", ")"), ("({a:", "})")]
        {
            let levels = open.bytes().filter(|byte| b"([{".contains(byte)).count();
            let accepted = MAX_DEPTH / levels;
            assert!(js(&(open.repeat(accepted) + &close.repeat(accepted))).is_ok(), "{open}");
            assert!(js(&open.repeat(accepted + 1)).is_err(), "{open}");
            assert!(js(&open.repeat(1_000_000)).is_err(), "{open}");
        }
        assert!(js(&"!".repeat(MAX_PREFIXES)).is_ok());
        assert!(js(&"!".repeat(MAX_PREFIXES + 1)).is_err());
        assert!(js(&format!("{{}} /{}", "(".repeat(MAX_UNCERTAIN + 1))).is_err());
        let block = "(".repeat(400) + &")".repeat(400);
        assert!(js(&block.repeat(200)).is_err(), "quadratic look-ahead");
        assert_eq!(
            js(&("\n".to_owned() + &"(".repeat(501))).unwrap_err(),
            TooDeep { at: 501, limit: "500 open brackets".to_owned() }
        );
    }

    #[test]
    fn large_ordinary_sources_pass() {
        let statement = "if (a) { const x = b ? c : d; log(`x ${[1, 2].map((y) => y + 1)}`) } else { e() }\n";
        assert!(js(&statement.repeat(100_000)).is_ok());
        assert!(js(&"a = b;\n".repeat(1_000_000)).is_ok());
        let data = "{ name: 'x', list: [1, 2, 3], nested: { a: -1 } },\n";
        assert!(js(&format!("const data = [{}]", data.repeat(100_000))).is_ok());
    }

    #[test]
    fn a_chain_of_else_is_not_forgotten() {
        assert!(js(&"if(a)b;else ".repeat(1000)).unwrap().prefixes >= 1000);
        assert!(js(&"if(a)b;".repeat(1000)).unwrap().prefixes < 10);
    }

    /// How deep the brackets nest that the parser itself has seen, in a source that it accepts.
    fn true_depth(text: &str) -> Option<usize> {
        let allocator = Allocator::default();
        let options = ParseOptions { allow_return_outside_function: true, ..ParseOptions::default() };
        let parser = || Parser::new(&allocator, text, SourceType::mjs()).with_options(options);
        if !parser().parse().diagnostics.is_empty() {
            return None;
        }
        let result = parser().with_config(TokensParserConfig).parse();
        let mut depth: isize = 0;
        let mut deepest = 0;
        for token in &result.tokens {
            depth += match token.kind() {
                Kind::LParen | Kind::LBrack | Kind::LCurly | Kind::TemplateHead => 1,
                Kind::RParen | Kind::RBrack | Kind::RCurly | Kind::TemplateTail => -1,
                _ => 0,
            };
            deepest = deepest.max(depth);
        }
        Some(deepest.unsigned_abs())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        /// Whatever quotes, slashes and brackets hide in each other: what is accepted is never deeper than measured.
        #[test]
        fn never_counts_less_than_the_parser(pieces in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", "`", "${", "'", "\"", "/", "/", "*", "//", "/*", "*/", "\n", "\\", ";", "a", "a", "1", ".", "...", " ",
            "++", "--", "return ", "if(a)", "while(a)", "do ", "else ", "typeof ", "=>", "=", "?", ":", ",", "<!--", "async ", "await ", "yield ",
            "function*f(){", "class A{", "a.if(", "of ", "for(a of ", "(a)", "[a]", "{}", "/(/", "/[/(]/", "/'/", "/`/", "/)/", "'('", "')'", "`)`",
            "`${a}`", "break\n", "x:", "default ", "export default ", "case ", "static", "#b", "in ", "u", "?.", "\u{2028}",
        ]), 1..9)) {
            let text = pieces.concat();
            if let Some(depth) = true_depth(&text) {
                prop_assert!(js(&text).unwrap().depth >= depth, "{:?}: {} < {}", text, js(&text).unwrap().depth, depth);
            }
        }
    }

    #[test]
    fn type_arguments_are_bounded() {
        let ts = |text: &str| measure(text, Language::TypeScript);
        for (open, limit) in
            [("a<", 14), ("x = (a = new a<", 14), ("f(a<a<![", 7), ("<T,>(a = b< ", 14), ("a = b<<T,>(", 13)]
        {
            assert!(ts(&open.repeat(limit)).is_ok(), "{open}");
            assert!(ts(&open.repeat(limit + 1)).is_err(), "{open}");
        }
        // Comparisons, shifts and closed lists are no nest, however many there are.
        for text in [
            "if (a < b && c < d || e < f) g()\n",
            "const a = b < c\n",
            "for (let i = 0; i < n; i++) x << 1\n",
            "f<A<B<C>>>(x)\n",
            "const f = <T,>(x: Map<string, Set<T>>): T => x\n",
        ] {
            assert!(ts(&text.repeat(1_000)).is_ok(), "{text}");
        }
        assert!(js(&"a<".repeat(1_000)).is_ok());
    }
}
