//! The text of each message in both languages, and what user text cannot do in it.

use crate::common::{
    Subject, canceled, euros, mail_record, order, order_event, order_record, paid, placed, refunded, shipped,
};
use comptoir_proto::auth::v1::MailKind;
use comptoir_proto::notifier::v1::MailboxMessage;
use comptoir_proto::orders::v1::order_event::Payload;
use comptoir_proto::orders::v1::{Order, OrderPaid};

const KINDS: [MailKind; 4] = [
    MailKind::ConfirmEmail,
    MailKind::PasswordReset,
    MailKind::EmailChange,
    MailKind::AlreadyRegistered,
];

/// Every message of a language, oldest first.
async fn every_message(locale: &str) -> Vec<MailboxMessage> {
    let subject = Subject::new().await;
    let mut shipped_order = order(locale);
    shipped_order.phone = Some("+33 6 12 34 56 78".to_owned());
    let mut records: Vec<_> = KINDS
        .iter()
        .map(|kind| mail_record(&format!("evt_{kind:?}"), *kind, locale))
        .collect();
    let events = [
        placed(),
        paid(),
        shipped(),
        canceled(None),
        canceled(Some(12_870)),
        refunded(),
    ];
    records.extend(events.into_iter().enumerate().map(|(index, payload)| {
        order_record(&order_event(
            &format!("evt_order_{index}"),
            index as u64 + 1,
            shipped_order.clone(),
            payload,
        ))
    }));
    for record in &records {
        subject.feed(record).await;
        subject.test.clock.advance(std::time::Duration::from_secs(1));
        subject.send_due().await;
    }
    let mut messages = subject.mailbox("").await;
    assert_eq!(messages.len(), 11);
    // The text message and the mail of one event have the same time: the mail is listed first.
    messages.reverse();
    messages.sort_by_key(|message| (message.created_at.map(|at| at.seconds), message.channel.clone()));
    messages
}

fn readable(messages: &[MailboxMessage]) -> String {
    let mut out = String::new();
    for message in messages {
        let (to, subject, text) = (&message.to, &message.subject, &message.text);
        let text = text.replace(['\u{a0}', '\u{202f}'], "·");
        out.push_str(&format!(
            "==== {} to {to}\nSubject: {subject}\n\n{}\n\n",
            message.channel,
            text.trim_end()
        ));
    }
    out
}

async fn one_mail(order: Order, payload: Payload) -> MailboxMessage {
    let subject = Subject::new().await;
    subject
        .feed(&order_record(&order_event("evt_1", 1, order, payload)))
        .await;
    subject.send_due().await;
    subject.mailbox("").await.remove(0)
}

#[tokio::test]
async fn every_message_in_english() {
    insta::assert_snapshot!("messages_en", readable(&every_message("en-GB").await));
}

#[tokio::test]
async fn every_message_in_french() {
    insta::assert_snapshot!("messages_fr", readable(&every_message("fr-FR").await));
}

#[tokio::test]
async fn html_of_an_order() {
    let mail = one_mail(order("fr"), placed()).await;
    insta::assert_snapshot!("order_placed_fr_html", mail.html.replace('\u{a0}', "·"));
}

#[tokio::test]
async fn an_order_that_costs_nothing_is_not_said_to_be_paid() {
    for (locale, subject_line, sentence, when_canceled) in [
        (
            "fr",
            "Votre commande 1000 est confirmée",
            "il n’y a rien à payer",
            "Il n’y avait rien à payer",
        ),
        (
            "en",
            "Your order 1000 is confirmed",
            "there is nothing to pay",
            "There was nothing to pay",
        ),
    ] {
        let mut free = order(locale);
        free.cost.as_mut().unwrap().total = euros(0);
        let paid = one_mail(free.clone(), Payload::Paid(OrderPaid { amount: euros(0) })).await;
        assert_eq!(paid.subject, subject_line);
        let canceled = one_mail(free, canceled(None)).await;
        for (part, sentence) in [
            (&paid.text, sentence),
            (&paid.html, sentence),
            (&canceled.text, when_canceled),
            (&canceled.html, when_canceled),
        ] {
            assert!(part.contains(sentence), "{part}");
            for untrue in ["Nous avons reçu", "We received", "votre banque", "your bank"] {
                assert!(!part.contains(untrue), "{untrue}: {part}");
            }
        }
    }
}

#[tokio::test]
async fn a_country_is_named_in_the_readers_language() {
    for (locale, country) in [("fr", "Allemagne"), ("en", "Germany")] {
        let mut abroad = order(locale);
        abroad.delivery_address.as_mut().unwrap().country_code = "DE".to_owned();
        for payload in [placed(), shipped()] {
            let mail = one_mail(abroad.clone(), payload).await;
            for part in [&mail.text, &mail.html] {
                assert!(part.contains(country), "{part}");
                assert!(!part.split_whitespace().any(|word| word == "DE"), "{part}");
            }
        }
    }
}

#[tokio::test]
async fn html_says_what_text_says() {
    for locale in ["fr", "en"] {
        for message in every_message(locale)
            .await
            .iter()
            .filter(|message| message.channel == "email")
        {
            assert!(
                message.html.contains(&format!("<html lang=\"{locale}\">")),
                "{}",
                message.subject
            );
            assert!(
                message
                    .html
                    .contains(&format!("<title>{}</title>", message.subject)),
                "{}",
                message.html
            );
            assert!(message.text.contains("https://shop.example.org"));
            // The HTML part contains every amount, number and link of the text part.
            for word in message
                .text
                .split_whitespace()
                .filter(|word| word.contains(|c: char| c.is_ascii_digit()))
            {
                let word = word.trim_end_matches(['.', ',']);
                assert!(
                    message.html.contains(word),
                    "{word} is not in the HTML of {}",
                    message.subject
                );
            }
            assert!(
                !message.html.contains("{{") && !message.html.contains("{%"),
                "{}",
                message.html
            );
            for note in [&message.text, &message.html] {
                assert!(!note.contains("secret note of staff"), "{note}");
            }
        }
    }
}

#[tokio::test]
async fn links_lead_to_the_storefront() {
    let messages = every_message("en").await;
    let confirm = "https://shop.example.org/confirm?token=secret%2Bof%2Fmail_evt_ConfirmEmail";
    assert!(messages[0].text.contains(confirm), "{}", messages[0].text);
    assert!(
        messages[0].html.contains(&format!("href=\"{confirm}\"")),
        "{}",
        messages[0].html
    );
    assert!(
        messages[1]
            .text
            .contains("https://shop.example.org/reset?token=secret%2Bof%2Fmail_evt_PasswordReset")
    );
    assert!(
        messages[2]
            .text
            .contains("https://shop.example.org/confirm?token=secret%2Bof%2Fmail_evt_EmailChange")
    );
    assert!(
        !messages[3].text.contains("token="),
        "nothing is confirmed by a mail to an address that is taken"
    );
}

#[tokio::test]
async fn markup_in_names_addresses_and_titles_is_text() {
    let mut hostile = order("en");
    hostile.lines[0].product_title = "<script>alert(1)</script> {{7*7}}".to_owned();
    hostile.lines[0].variant_title = "\"><img src=x onerror=alert(1)> & {% include 'x' %}".to_owned();
    let address = hostile.delivery_address.as_mut().unwrap();
    address.first_name = "<b>Ada</b>{{ shop }}".to_owned();
    address.line1 = "' onmouseover='alert(1)".to_owned();
    let mail = one_mail(hostile, placed()).await;
    for markup in ["<script", "<img src=x", "<b>", "' onmouseover"] {
        assert!(!mail.html.contains(markup), "{markup} in {}", mail.html);
    }
    assert!(
        mail.html
            .contains("&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}"),
        "{}",
        mail.html
    );
    assert!(
        mail.html
            .contains("&quot;&gt;&lt;img src=x onerror=alert(1)&gt; &amp; {% include &#39;x&#39; %}")
    );
    assert!(mail.html.contains("Hello &lt;b&gt;Ada&lt;/b&gt;{{ shop }},"));
    assert!(
        mail.text.contains("<script>alert(1)</script> {{7*7}}"),
        "{}",
        mail.text
    );
    assert!(!mail.text.contains("49 ") && mail.text.contains("Hello <b>Ada</b>{{ shop }},"));
}

#[tokio::test]
async fn no_text_begins_a_header_or_a_line() {
    let mut hostile = order("en");
    hostile.number = Some("1000\r\nBcc: eve@example.com\u{2028}x".to_owned());
    hostile.lines[0].product_title = "Shirt\r\n\r\nYour account is locked: https://evil.example".to_owned();
    hostile.fulfillments[0].tracking_number = Some("1\u{202e}2\u{0}3".to_owned());
    hostile.phone = Some("+33612345678".to_owned());
    let subject = Subject::new().await;
    subject
        .feed(&order_record(&order_event("evt_1", 1, hostile, shipped())))
        .await;
    subject.send_due().await;
    let messages = subject.mailbox("").await;
    assert_eq!(messages.len(), 2);
    for message in &messages {
        assert!(["ada@example.org", "+33612345678"].contains(&message.to.as_str()));
        assert!(
            !message.subject.contains(['\r', '\n', '\u{2028}']),
            "{:?}",
            message.subject
        );
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!message.text.contains(control), "{:?}", message.text);
        assert!(
            !message.text.contains(['\u{202e}', '\u{2028}']) && !message.html.contains(['\u{202e}', '\0'])
        );
        assert!(
            !message
                .text
                .lines()
                .any(|line| line.starts_with("Bcc") || line.starts_with("Your account"))
        );
    }
    assert_eq!(subject.mailbox("eve@example.com").await.len(), 0);
}

#[tokio::test]
async fn an_address_that_is_two_is_refused() {
    for forged in [
        "ada@example.org,eve@example.com",
        "ada@example.org\r\nBcc: eve@example.com",
        "ada@example.org%0d%0aBcc",
    ] {
        let subject = Subject::new().await;
        let mut hostile = order("en");
        hostile.email = forged.to_owned();
        subject
            .feed(&order_record(&order_event("evt_1", 1, hostile, placed())))
            .await;
        subject.send_due().await;
        assert_eq!(subject.mailbox("").await.len(), 0, "{forged:?}");
    }
}

#[tokio::test]
async fn a_language_is_found_for_every_locale() {
    // The shop's first is French.
    for (locale, language) in [("de-DE", "fr"), ("", "fr"), ("en_US", "en"), ("FR", "fr")] {
        let mail = one_mail(order(locale), placed()).await;
        assert!(mail.html.contains(&format!("lang=\"{language}\"")), "{locale}");
    }
}

#[tokio::test]
async fn amounts_have_the_digits_of_their_currency() {
    for (currency, english) in [("JPY", "¥13,480"), ("BHD", "BHD\u{a0}13.480"), ("EUR", "€134.80")] {
        let mut foreign = order("en");
        let cost = foreign.cost.as_mut().unwrap();
        cost.subtotal.as_mut().unwrap().currency_code = currency.to_owned();
        let mail = one_mail(foreign, placed()).await;
        assert!(mail.text.contains(english), "{}", mail.text);
        assert!(mail.html.contains(english), "{}", mail.html);
    }
}

#[tokio::test]
async fn pictures_are_shown_from_the_web_alone() {
    let mut pictured = order("en");
    pictured.lines[0].image_url = Some("https://cdn.example.org/a.png?x=1&y=\"2\"".to_owned());
    pictured.lines[1].image_url = Some("javascript:alert(1)".to_owned());
    let mail = one_mail(pictured, placed()).await;
    assert!(
        mail.html
            .contains("<img src=\"https://cdn.example.org/a.png?x=1&amp;y=&quot;2&quot;\""),
        "{}",
        mail.html
    );
    assert!(!mail.html.contains("javascript:"));
}

#[tokio::test]
async fn the_delivery_addresss_phone_is_written_to_as_well() {
    let subject = Subject::new().await;
    let mut with_phone = order("fr");
    with_phone.phone = Some("call me".to_owned());
    with_phone.delivery_address.as_mut().unwrap().phone = Some("06 12 34 56 78".to_owned());
    subject
        .feed(&order_record(&order_event("evt_1", 1, with_phone, shipped())))
        .await;
    subject.send_due().await;
    let messages = subject.mailbox("+33 6 12 34 56 78").await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (messages[0].channel.as_str(), messages[0].html.as_str()),
        ("sms", "")
    );
}
