use super::*;

fn number(name: &str, value: i64) -> Condition {
    Condition::Equals(name.to_owned(), Value::Number(value))
}

#[test]
fn clauses_of_one_kind_stand_together() {
    let mut expression = Expression::default();
    let text = expression.update(&[
        UpdateAction::Remove("a".to_owned()),
        UpdateAction::Set("b".to_owned(), Value::Flag(true)),
        UpdateAction::Add("c".to_owned(), -1),
        UpdateAction::SetIfAbsent("d".to_owned(), Value::Number(4)),
    ]);
    assert_eq!(text, "SET #n1 = :v0, #n3 = if_not_exists(#n3, :v2) ADD #n2 :v1 REMOVE #n0");
}

#[test]
fn a_name_has_one_placeholder_in_update_and_condition() {
    let mut expression = Expression::default();
    expression.update(&[UpdateAction::Add("count".to_owned(), 1)]);
    let guard = expression.guard(&number("count", 3));
    assert_eq!(guard.as_deref(), Some("#n0 = :v1"));
    assert_eq!(expression.names().map(|names| names.len()), Some(1));
}

#[test]
fn what_always_holds_needs_no_condition() {
    let mut expression = Expression::default();
    let any = Condition::Any(vec![number("a", 1), Condition::All(vec![])]);
    assert_eq!(expression.guard(&any), None);
    assert_eq!(expression.names(), None);
    assert_eq!(expression.values(), None);
}

#[test]
fn what_never_holds_uses_only_the_key() {
    let mut expression = Expression::default();
    let all = Condition::All(vec![number("a", 1), Condition::Any(vec![])]);
    let text = expression.guard(&all);
    assert_eq!(text.as_deref(), Some("attribute_exists(#n0) AND attribute_not_exists(#n0)"));
    assert_eq!(expression.values(), None);
}

#[test]
fn parts_keep_their_grouping() {
    let mut expression = Expression::default();
    let text = expression.guard(&Condition::All(vec![
        Condition::Exists,
        Condition::Any(vec![number("a", 1), number("b", 2)]),
    ]));
    assert_eq!(text.as_deref(), Some("(attribute_exists(#n0)) AND ((#n1 = :v0) OR (#n2 = :v1))"));
}

#[test]
fn a_part_that_is_alone_has_no_parentheses() {
    let mut expression = Expression::default();
    let alone = Condition::Any(vec![number("a", 1)]);
    let text = expression.guard(&Condition::All(vec![alone.clone()]));
    assert_eq!(text.as_deref(), Some("#n0 = :v0"));
    let mut expression = Expression::default();
    let text = expression.guard(&Condition::All(vec![Condition::Exists, alone]));
    assert_eq!(text.as_deref(), Some("(attribute_exists(#n0)) AND (#n1 = :v0)"));
}
