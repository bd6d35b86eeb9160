//! What is shown of a text, however it arrives.

use insta::assert_snapshot;

use super::Markdown;

const TEXT: &str = "# Release notes

Some **bold** and *slanted* words, `code` and a [link](https://example.org/x), in a line that is long enough.

- one
- two, which is long enough to be broken into several lines of text
  - deeper
1. first
2. second


> quoted words

```rust
fn main() {
    println!(\"**not bold**\");
}
```

| name | calls |
|------|------:|
| `read_file` | 12 |
| shell | 3 |

---
last";

fn whole(text: &str, width: usize) -> String {
    let mut markdown = Markdown::default();
    markdown.add(text, width) + &markdown.end(width)
}

fn plain(text: &str, width: usize) -> String {
    anstream::adapter::strip_str(&whole(text, width)).to_string()
}

#[test]
fn a_text_in_40_columns() {
    assert_snapshot!(plain(TEXT, 40), @r#"
    Release notes

    Some bold and slanted words, code and a
    link (https://example.org/x), in a line
    that is long enough.

    • one
    • two, which is long enough to be broken
      into several lines of text
      • deeper
    1. first
    2. second

    │ quoted words

      fn main() {
          println!("**not bold**");
      }

    name      │ calls
    ──────────┼──────
    read_file │ 12
    shell     │ 3

    ────────────────────────────────────────
    last
    "#);
}

#[test]
fn emphasis_is_styles() {
    assert_snapshot!(whole("# A\n**b** `c`", 40).replace('\u{1b}', "^"), @"
    ^[1m^[4mA^[0m
    ^[1mb^[0m ^[36mc^[0m
    ");
}

#[test]
fn a_table_that_is_too_wide_is_shown_cell_by_cell() {
    let text =
        "| name | what it does |\n|---|---|\n| read | reads a file of the folder |\n| write | writes |";
    assert_snapshot!(plain(text, 24), @"
    name: read
    what it does: reads a file of the folder

    name: write
    what it does: writes
    ");
}

#[test]
fn the_same_is_shown_however_it_arrives() {
    for width in [10, 40, 200] {
        let expected = whole(TEXT, width);
        for size in [1, 2, 3, 7, 50] {
            let mut markdown = Markdown::default();
            let characters: Vec<char> = TEXT.chars().collect();
            let mut shown = String::new();
            for part in characters.chunks(size) {
                shown += &markdown.add(&part.iter().collect::<String>(), width);
            }
            shown += &markdown.end(width);
            assert_eq!(shown, expected, "{size} at a time, {width} columns");
        }
    }
}

#[test]
fn words_are_shown_as_they_come() {
    let mut markdown = Markdown::default();
    assert_eq!(markdown.add("Hel", 40), "");
    assert_eq!(markdown.add("lo wor", 40), "Hello");
    assert!(!markdown.is_at_line_start());
    assert_eq!(markdown.add("ld **an", 40), " world");
    assert_eq!(markdown.end(40), " **an\n");
    assert!(markdown.is_at_line_start());
}

#[test]
fn text_that_is_cut_off_is_shown_as_far_as_it_goes() {
    assert_eq!(plain("```\ncode", 40), "  code\n");
    assert_eq!(plain("| a | b |\n|---|", 40), "a │ b\n──┼──\n");
    assert_eq!(plain("-", 40), "-\n");
    assert_eq!(plain("", 40), "");
    assert_eq!(plain("\n\n\n", 40), "");
}

#[test]
fn wide_characters_count_twice_and_may_break_anywhere() {
    assert_eq!(plain("漢字漢字漢字", 8), "漢字漢字\n漢字\n");
}
