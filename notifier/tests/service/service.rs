//! What staff see, answers to webhooks, and access to the mailbox.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::service::policy_gaps;
use comptoir_mesh::testing::{TestEnv, with_token};
use comptoir_mesh::{Access, Role};
use comptoir_notifier::{FAIL_POINTS, POLICY};
use comptoir_proto::auth::v1::MailKind;
use comptoir_proto::notifier::v1::{
    GetDeliveryRequest, HandleWebhookRequest, ListDeliveriesRequest, ListDeliveriesResponse,
    ListMailboxRequest,
};
use tonic::Status;

use crate::common::{Subject, mail_record, order, order_event, order_record, placed, production, shipped};

fn reason(status: &Status) -> ErrorReason {
    Error::from_status(status).reason()
}

async fn list(subject: &Subject, request: ListDeliveriesRequest) -> Result<ListDeliveriesResponse, Status> {
    with_token(&subject.staff(), subject.client.clone().list_deliveries(request))
        .await
        .map(tonic::Response::into_inner)
}

#[test]
fn every_method_says_who_may_call_it() {
    assert_eq!(policy_gaps("comptoir.notifier.v1", POLICY), [] as [String; 0]);
    for (path, access) in POLICY {
        assert_ne!(*access, Access::Anyone, "{path}");
    }
}

#[test]
fn crash_points_are_named_once() {
    let mut names = FAIL_POINTS.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FAIL_POINTS.len());
    assert!(names.iter().all(|name| name.starts_with("notifier.")));
}

#[tokio::test]
async fn deliveries_are_for_staff() {
    let subject = Subject::new().await;
    let status = subject
        .client
        .clone()
        .list_deliveries(ListDeliveriesRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reason(&status), ErrorReason::Unauthenticated);
    let customer = subject
        .test
        .token("user_01ARZ3NDEKTSV4RRFFQ69G5FAV", Role::Customer);
    let call = subject.client.clone();
    let status = with_token(
        &customer,
        call.clone().list_deliveries(ListDeliveriesRequest::default()),
    )
    .await
    .unwrap_err();
    assert_eq!(reason(&status), ErrorReason::Forbidden);
    let request = GetDeliveryRequest {
        delivery_id: "dlv_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
    };
    let status = with_token(&customer, call.clone().get_delivery(request))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), ErrorReason::Forbidden);
    let admin = subject.test.token("user_01ARZ3NDEKTSV4RRFFQ69G5FAV", Role::Admin);
    with_token(
        &admin,
        call.clone().list_deliveries(ListDeliveriesRequest::default()),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn deliveries_are_paged_newest_first() {
    let subject = Subject::new().await;
    for index in 0..7 {
        if index % 2 == 0 {
            subject.test.clock.advance(std::time::Duration::from_secs(1));
        }
        subject
            .feed(&mail_record(
                &format!("evt_{index}"),
                MailKind::ConfirmEmail,
                "fr",
            ))
            .await;
    }
    let whole = list(&subject, ListDeliveriesRequest::default()).await.unwrap();
    assert_eq!(
        (
            whole.deliveries.len(),
            whole.total_count,
            whole.next_page_token.as_str()
        ),
        (7, 7, "")
    );
    assert_eq!(whole.cursors.len(), 7);
    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = list(
            &subject,
            ListDeliveriesRequest {
                page_size: 3,
                page_token,
                ..Default::default()
            },
        )
        .await
        .unwrap();
        assert_eq!((page.total_count, page.cursors.len()), (7, page.deliveries.len()));
        paged.extend(page.deliveries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, whole.deliveries);
    // Any entry's cursor continues after it.
    let behind = ListDeliveriesRequest {
        page_token: whole.cursors[4].clone(),
        ..Default::default()
    };
    assert_eq!(
        list(&subject, behind).await.unwrap().deliveries,
        whole.deliveries[5..]
    );
}

#[tokio::test]
async fn deliveries_are_filtered_by_status() {
    let subject = Subject::new().await;
    subject.auth.answer_with(Some(ErrorReason::NotFound));
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject
        .feed(&order_record(&order_event("evt_2", 1, order("fr"), placed())))
        .await;
    subject.send_due().await;
    for (status, count) in [("dead", 1), ("sent", 1), ("pending", 0), ("", 2)] {
        let request = ListDeliveriesRequest {
            status: status.to_owned(),
            ..Default::default()
        };
        let answer = list(&subject, request).await.unwrap();
        assert_eq!(
            (answer.deliveries.len(), answer.total_count),
            (count, count as i64),
            "{status}"
        );
        assert!(
            answer
                .deliveries
                .iter()
                .all(|delivery| status.is_empty() || delivery.status == status)
        );
    }
}

#[tokio::test]
async fn a_list_says_what_is_wrong_with_its_request() {
    let subject = Subject::new().await;
    let refused = async |request| Error::from_status(&list(&subject, request).await.unwrap_err());
    for page_size in [-1, 101, i32::MAX] {
        let error = refused(ListDeliveriesRequest {
            page_size,
            ..Default::default()
        })
        .await;
        assert_eq!(error.reason(), ErrorReason::LimitOutOfRange);
        assert_eq!(error.field_violations()[0].field, "page_size");
    }
    for token in [
        "x",
        "é",
        "zzzzzzzzzzzzzzzzdlv_1",
        "0000000000000000",
        "0000000000000000' OR 1=1",
    ] {
        let error = refused(ListDeliveriesRequest {
            page_token: token.to_owned(),
            ..Default::default()
        })
        .await;
        assert_eq!(
            (error.reason(), error.field_violations()[0].field.as_str()),
            (ErrorReason::ValidationFailed, "page_token")
        );
    }
    let error = refused(ListDeliveriesRequest {
        status: "lost".to_owned(),
        ..Default::default()
    })
    .await;
    assert_eq!(
        (error.reason(), error.field_violations()[0].field.as_str()),
        (ErrorReason::ValidationFailed, "status")
    );
}

#[tokio::test]
async fn a_delivery_is_read() {
    let subject = Subject::new().await;
    subject
        .feed(&mail_record("evt_1", MailKind::AlreadyRegistered, "fr"))
        .await;
    let listed = subject.delivery().await;
    let get = async |id: &str| {
        let request = GetDeliveryRequest {
            delivery_id: id.to_owned(),
        };
        with_token(&subject.staff(), subject.client.clone().get_delivery(request)).await
    };
    assert_eq!(
        get(&listed.id).await.unwrap().into_inner().delivery.unwrap(),
        listed
    );
    assert_eq!(
        reason(&get("dlv_01ARZ3NDEKTSV4RRFFQ69G5FAV").await.unwrap_err()),
        ErrorReason::NotFound
    );
    for id in ["", "1", "../x", "order_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(
            reason(&get(id).await.unwrap_err()),
            ErrorReason::InvalidId,
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_webhook_nobody_can_verify_is_refused() {
    let subject = Subject::new().await;
    let call = async |provider: &str| {
        let request = HandleWebhookRequest {
            provider: provider.to_owned(),
            signature: "forged".to_owned(),
            body: b"MessageStatus=delivered".to_vec(),
            url: "https://shop.example.org/webhooks/twilio".to_owned(),
        };
        reason(&subject.client.clone().handle_webhook(request).await.unwrap_err())
    };
    assert_eq!(call("twilio").await, ErrorReason::WebhookSignatureInvalid);
    assert_eq!(call("ses").await, ErrorReason::WebhookSignatureInvalid);
    assert_eq!(call("stripe").await, ErrorReason::ValidationFailed);
}

#[tokio::test]
async fn the_mailbox_is_not_there_in_production() {
    let subject = Subject::with(production(), |_| {}).await;
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    let status = subject
        .client
        .clone()
        .list_mailbox(ListMailboxRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reason(&status), ErrorReason::Forbidden);
    assert_eq!(subject.delivery().await.status, "sent");
}

#[tokio::test]
async fn the_mailbox_is_paged_and_searched() {
    let subject = Subject::with(TestEnv::new(), |_| {}).await;
    let mut with_phone = order("en");
    with_phone.phone = Some("+33 6 12 34 56 78".to_owned());
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    subject.test.clock.advance(std::time::Duration::from_secs(1));
    subject
        .feed(&order_record(&order_event("evt_2", 1, with_phone, shipped())))
        .await;
    subject.send_due().await;
    let all = subject.mailbox("").await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[2].subject, "Confirmez votre adresse e-mail pour Comptoir");
    assert_eq!(subject.mailbox(" Ada@Example.org ").await.len(), 2);
    for number in ["+33612345678", " 33612345678", "+33 6 12 34 56 78"] {
        assert_eq!(subject.mailbox(number).await.len(), 1, "{number}");
    }
    assert_eq!(subject.mailbox("unknown").await.len(), 0);
    let first = ListMailboxRequest {
        page_size: 2,
        ..Default::default()
    };
    let first = subject
        .client
        .clone()
        .list_mailbox(first)
        .await
        .unwrap()
        .into_inner();
    let second = ListMailboxRequest {
        page_size: 2,
        page_token: first.next_page_token,
        ..Default::default()
    };
    let second = subject
        .client
        .clone()
        .list_mailbox(second)
        .await
        .unwrap()
        .into_inner();
    assert_eq!([first.messages, second.messages].concat(), all);
    assert_eq!(second.next_page_token, "");
    let over = ListMailboxRequest {
        page_size: 1001,
        ..Default::default()
    };
    assert_eq!(
        reason(&subject.client.clone().list_mailbox(over).await.unwrap_err()),
        ErrorReason::LimitOutOfRange
    );
}
