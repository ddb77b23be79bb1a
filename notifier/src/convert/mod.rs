//! Domain to proto.

use comptoir_mesh::clock::to_proto as timestamp;
use comptoir_proto::notifier::v1 as pb;

use crate::domain::delivery::{Delivery, Status};
use crate::domain::feedback::Report;
use crate::store::Posted;

/// For a message that was sent and did not arrive, the last error is the provider's report.
pub(crate) fn delivery(delivery: &Delivery, reports: &[Report]) -> pb::Delivery {
    let report = reports.iter().find(|report| report.delivery_id == delivery.id);
    let undelivered = report
        .filter(|_| delivery.status() == Status::Sent)
        .and_then(Report::failure);
    pb::Delivery {
        id: delivery.id.clone(),
        channel: delivery.channel.as_str().to_owned(),
        template: delivery.template.as_str().to_owned(),
        recipient: delivery.recipient.as_str().to_owned(),
        status: delivery.status().as_str().to_owned(),
        attempts: i32::try_from(delivery.attempts).unwrap_or(i32::MAX),
        last_error: undelivered.or_else(|| delivery.last_error.clone()),
        created_at: Some(timestamp(delivery.created_at)),
        sent_at: delivery.sent_at.map(timestamp),
        event_id: delivery.event_id.clone(),
    }
}

pub(crate) fn posted(posted: Posted) -> pb::MailboxMessage {
    pb::MailboxMessage {
        id: posted.message.id,
        channel: posted.message.channel.as_str().to_owned(),
        to: posted.message.to.into(),
        subject: posted.message.subject.as_str().to_owned(),
        text: posted.message.text,
        html: posted.message.html,
        created_at: Some(timestamp(posted.created_at)),
    }
}
