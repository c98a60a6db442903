//! Which of the two is asked for: call, tell, answer.

use serde::{Deserialize, Serialize};
use tidemark_platform::{Frame, Metric};
use tidemark_service::Refresher;
use tidemark_service::refresh::rotation::{Rotation, RotationError, Step};

/// A step of a rotation (AWS Secrets Manager user guide, "Rotation by Lambda function"), or whatever
/// a schedule sends: that has none of these members.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "Step")]
    step: Option<String>,
    #[serde(rename = "SecretId")]
    secret: Option<String>,
    #[serde(rename = "ClientRequestToken")]
    token: Option<String>,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Refresh,
    Rotation { secret: String, token: String, step: Step },
}

/// What the function answers, for whoever invokes it by hand. Secrets Manager ignores it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Summary {
    Refreshed { connections: u64, renewed: u64, failed: u64, alarms: u64, errors: u64 },
    Stepped { step: &'static str },
}

/// Why the function fails. A rotation's step that fails is repeated by Secrets Manager.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the event is neither a schedule's nor a step of a rotation")]
    Unreadable,
    #[error(transparent)]
    Rotation(#[from] RotationError),
}

impl Event {
    fn read(self) -> Result<Asked, Failure> {
        match (self.step, self.secret, self.token) {
            (None, None, None) => Ok(Asked::Refresh),
            (Some(step), Some(secret), Some(token)) => {
                let step = Step::parse(&step).ok_or(Failure::Unreadable)?;
                Ok(Asked::Rotation { secret, token, step })
            }
            _ => Err(Failure::Unreadable),
        }
    }
}

/// Does what is asked for. A refresh never fails as a whole: what did not work is found again by the
/// next one.
pub(crate) async fn handle(
    refresher: &Refresher,
    rotation: &Rotation,
    event: Event,
    frame: &Frame,
) -> Result<Summary, Failure> {
    let asked = event.read().inspect_err(|_| frame.failed())?;
    match asked {
        Asked::Refresh => {
            let report = refresher.refresh().await;
            frame.word("work", "refresh");
            frame.metric(Metric::TokensFailing, report.failed);
            if let Some(days) = report.days_left {
                frame.metric(Metric::CredentialDaysLeft, days);
            }
            frame.number("connections", report.connections);
            frame.number("renewed", report.renewed);
            frame.number("alarms", report.alarms);
            frame.number("errors", report.errors);
            Ok(Summary::Refreshed {
                connections: report.connections,
                renewed: report.renewed,
                failed: report.failed,
                alarms: report.alarms,
                errors: report.errors,
            })
        }
        Asked::Rotation { secret, token, step } => {
            let done = rotation.step(&secret, &token, step).await;
            frame.word("work", "rotation");
            frame.word("step", step.word());
            if let Err(error) = &done {
                frame.failed();
                tracing::error!(?step, error = %error, "step of a rotation failed");
            }
            done?;
            Ok(Summary::Stepped { step: step.word() })
        }
    }
}

#[cfg(test)]
mod tests;
