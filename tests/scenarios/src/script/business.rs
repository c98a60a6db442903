//! Lines about the business system and the administrator.

use tidemark_service::border::{Guards, HoldChoice, ItemChangeRequest, ItemVersion};

use super::words::Words;
use super::{Outcome, Script, address};

impl Script {
    pub(super) fn business(&mut self, words: &mut Words) -> Outcome {
        let act = words.word("an act")?;
        let person = address(&words.word("a person")?);
        let id = self.id_of(&person, &words.word("an id")?);
        let change = match act.as_str() {
            "put" => ItemChangeRequest::Put(words.json("an item")?),
            "patch" => ItemChangeRequest::Patch(words.json("a patch")?),
            "delete" => ItemChangeRequest::Delete,
            other => return Err(format!("the business system cannot '{other}'")),
        };
        let if_match =
            if words.takes("if-match") { Some(u64::from(words.number()?)) } else { None };
        let if_match = if_match.map(ItemVersion::Settled);
        let guards = Guards { if_match, idempotency_key: None };
        let refused = if words.takes("refused") { Some(words.word("a reason")?) } else { None };
        let ignored = if words.takes("ignored") { Some(words.word("a pointer")?) } else { None };
        match (self.stage.ask(&person, &id, change, guards), refused) {
            (Ok(accepted), None) => match ignored {
                Some(pointer) if !accepted.ignored.contains(&pointer) => {
                    Err(format!("what is not carried: {:?}", accepted.ignored))
                }
                Some(_) | None => Ok(()),
            },
            (Ok(_), Some(_)) => Err("the border accepts it".to_owned()),
            (Err(refusal), Some(why)) if format!("{refusal:?}").contains(&why) => Ok(()),
            (Err(refusal), _) => Err(format!("the border refuses it: {refusal:?}")),
        }
    }

    pub(super) fn decide(&mut self, words: &mut Words) -> Outcome {
        let choice = match words.word("a choice")?.as_str() {
            "send" => HoldChoice::Send,
            "without-attendees" => HoldChoice::WithoutAttendees,
            "discard" => HoldChoice::Discard,
            other => return Err(format!("there is no choice '{other}'")),
        };
        if !words.takes("refused") {
            self.stage.decide(choice);
            return Ok(());
        }
        let why = words.word("a reason")?;
        match self.stage.try_decide(choice) {
            Err(refusal) if format!("{refusal:?}").contains(&why) => Ok(()),
            other => Err(format!("the border answers {other:?}")),
        }
    }
}
