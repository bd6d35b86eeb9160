//! Files that are made to hurt cost an error and nothing else.

use agent_runtime::config;

fn complaint(text: &str) -> String {
    config::from_yaml("agent.yaml", text).unwrap_err().to_string()
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    assert!(
        complaint(&bomb).contains(": the file has more values than are accepted"),
        "{}",
        complaint(&bomb)
    );
}

#[test]
fn merge_keys_that_multiply_are_refused() {
    let mut bomb = String::from("a0: &a0 { k0: 1, k1: 1, k2: 1, k3: 1, k4: 1, k5: 1, k6: 1, k7: 1 }\n");
    for level in 1..30 {
        let before = level - 1;
        bomb.push_str(&format!(
            "a{level}: &a{level} {{ n: {{ <<: *a{before} }}, m: {{ <<: *a{before} }} }}\n"
        ));
    }
    let complaint = complaint(&bomb);
    assert!(complaint.contains("more values than are accepted"), "{}", &complaint[..200]);
}

#[test]
fn an_anchor_inside_of_itself_is_refused() {
    let complaint = complaint("agents: &a { root: { model: openai/x, commands: *a } }\n");
    assert!(complaint.starts_with("agent.yaml:1:"), "{complaint}");
    assert!(complaint.contains("an anchor stands inside of itself"), "{complaint}");
}

#[test]
fn depth_is_bounded() {
    for levels in [33, 200, 10_000] {
        for (open, close) in [("[", "]"), ("{ a: ", "}")] {
            let deep = format!("{}{}", open.repeat(levels), close.repeat(levels));
            let complaint = complaint(&deep);
            let is_refused =
                complaint.contains("deeper than 32 levels") || complaint.contains("recursion limit");
            assert!(is_refused, "{levels} times {open}: {complaint}");
        }
        let block: String = (0..levels.min(500)).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        assert!(complaint(&block).contains("deeper than 32 levels"), "{levels} lines: {}", complaint(&block));
    }
}

#[test]
fn size_and_nodes_are_bounded() {
    let padding = complaint(&"# padding\n".repeat(200_000));
    assert_eq!(padding, "agent.yaml: the file has 2000000 bytes, more than the 1048576 that are accepted");
    let many = format!("agents: {{ root: {{ handoffs: [{}] }} }}", "a,".repeat(60_000));
    assert!(complaint(&many).contains("more values than are accepted"), "{}", complaint(&many));
}

#[test]
fn many_problems_are_counted_not_listed() {
    let mut text = String::from("agents:\n  root:\n    model: openai/x\n");
    for index in 0..100 {
        text.push_str(&format!("    wrong{index}: 1\n"));
    }
    let error = config::from_yaml("agent.yaml", &text).unwrap_err();
    assert_eq!((error.problems.len(), error.more), (20, 80));
    assert!(error.to_string().ends_with("\nand 80 more"), "{error}");
}

#[test]
fn a_key_as_long_as_a_file_is_no_work() {
    let text = format!("agents: {{ root: {{ ? {} : x }} }}", "k".repeat(500_000));
    assert!(complaint(&text).contains("unknown key"));
}

#[test]
fn what_a_file_says_to_a_terminal_is_not_passed_on() {
    let complaint = complaint("agents: { root: { \"\\e]0;owned\\a\": 1 } }");
    assert!(complaint.contains("unknown key `\u{fffd}]0;owned\u{fffd}`"), "{complaint}");
}
