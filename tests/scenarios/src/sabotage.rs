//! Broken products: the test of the tests. Each breaks one promise on purpose; the simulation has to
//! find it.

mod moves;

use std::sync::Arc;

use tidemark_engine::{
    BaseAfter, BusinessOperation, Decision, ExchangeAction, ExchangeView, LinkView, MailRule, News,
    PlanInput, Verdict, plan,
};
use tidemark_model::{Event, MailMode, Property};
use tidemark_service::Planner;

pub use moves::MoveSabotage;

/// A way to break the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// What changed in Exchange is not told.
    ForgetsNews,
    /// What we wrote ourselves is told as news.
    Echoes,
    /// Private items are told.
    LeaksPrivate,
    /// What cannot be read counts as deleted.
    TakesHiddenForGone,
    /// What is gone in Exchange is not told.
    IgnoresDeletes,
    /// A cut-off write is not carried on.
    ForgetsCutOffWrites,
    /// Outcomes of the business system's changes are not told.
    SwallowsOutcomes,
    /// People are mailed although nobody chose that.
    MailsUnasked,
    /// Exceptions of a series are not written.
    DropsExceptions,
    /// The business system's titles are not written.
    DropsTitles,
    /// An item that changed in Exchange while the business system changed it is overwritten whole.
    OverwritesExchange,
    /// A change of the business system deletes the item.
    DeletesOnUpdate,
    /// Every change in Exchange is told as a new item.
    AnnouncesTwice,
    /// A delete of the business system is reported, not carried out.
    ClaimsDeletes,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::ForgetsNews,
        Self::Echoes,
        Self::LeaksPrivate,
        Self::TakesHiddenForGone,
        Self::IgnoresDeletes,
        Self::ForgetsCutOffWrites,
        Self::SwallowsOutcomes,
        Self::MailsUnasked,
        Self::DropsExceptions,
        Self::DropsTitles,
        Self::OverwritesExchange,
        Self::DeletesOnUpdate,
        Self::AnnouncesTwice,
        Self::ClaimsDeletes,
    ];

    /// The broken planner.
    pub fn planner(self) -> Arc<dyn Planner> {
        Arc::new(Broken(self))
    }
}

struct Broken(Sabotage);

impl Planner for Broken {
    fn plan(&self, input: &PlanInput<'_>) -> Decision {
        let mut profile = input.profile.clone();
        let mut input = *input;
        match self.0 {
            Sabotage::LeaksPrivate => profile.no_private = false,
            Sabotage::MailsUnasked => profile.mail = MailRule::Send,
            Sabotage::ForgetsCutOffWrites => input.unfinished = None,
            Sabotage::TakesHiddenForGone => {
                if matches!(input.exchange, ExchangeView::Hidden) {
                    input.exchange = ExchangeView::Gone;
                }
            }
            _ => {}
        }
        let decision = plan(&PlanInput { profile: &profile, ..input });
        self.spoil(decision, &input)
    }
}

impl Broken {
    fn spoil(&self, mut decision: Decision, input: &PlanInput<'_>) -> Decision {
        match self.0 {
            Sabotage::ForgetsNews => {
                if matches!(decision.business, Some(News::Updated { .. })) {
                    decision.business = None;
                }
            }
            Sabotage::Echoes => {
                if decision.exchange.writes() && decision.business.is_none() {
                    let properties = vec![Property::Title];
                    decision.business = Some(News::Updated { properties });
                }
            }
            Sabotage::IgnoresDeletes => {
                if decision.business == Some(News::Deleted) {
                    decision.business = None;
                }
            }
            Sabotage::SwallowsOutcomes => decision.outcomes.clear(),
            Sabotage::DropsExceptions => change_target(&mut decision, |e| e.overrides.clear()),
            Sabotage::DropsTitles => change_target(&mut decision, |event| {
                event.title = Some("broken".to_owned());
            }),
            Sabotage::OverwritesExchange => overwrite(&mut decision, input),
            Sabotage::DeletesOnUpdate => {
                if matches!(decision.exchange, ExchangeAction::Update { .. }) {
                    decision.exchange = ExchangeAction::Delete { mail: MailMode::Silent };
                }
            }
            Sabotage::AnnouncesTwice => {
                if matches!(decision.business, Some(News::Updated { .. })) {
                    decision.business = Some(News::Created);
                }
            }
            Sabotage::ClaimsDeletes => {
                if matches!(decision.exchange, ExchangeAction::Delete { .. }) {
                    decision.exchange = ExchangeAction::None;
                }
            }
            Sabotage::LeaksPrivate
            | Sabotage::TakesHiddenForGone
            | Sabotage::ForgetsCutOffWrites
            | Sabotage::MailsUnasked => {}
        }
        decision
    }
}

fn change_target(decision: &mut Decision, change: impl Fn(&mut Event)) {
    if let ExchangeAction::Create { target, .. } | ExchangeAction::Update { target, .. } =
        &mut decision.exchange
    {
        change(target);
    }
}

/// Writes the business system's last picture over whatever stands in Exchange, and says nothing.
fn overwrite(decision: &mut Decision, input: &PlanInput<'_>) {
    let (LinkView::Linked(base), ExchangeAction::Update { target, .. }) =
        (input.link, &mut decision.exchange)
    else {
        return;
    };
    let mut blind = base.business.clone();
    for change in input.business {
        if let BusinessOperation::Upsert(patch) = &change.change {
            blind.apply_patch(patch);
        }
    }
    **target = blind.clone();
    decision.business = None;
    if let BaseAfter::AfterWrite(after) = &mut decision.base {
        after.business = blind;
    }
    for outcome in &mut decision.outcomes {
        outcome.verdict = Verdict::Applied;
    }
}
