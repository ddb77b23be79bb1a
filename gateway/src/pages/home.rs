//! `/` of the development profile: an overview, in French and English.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, Uri};

use super::html::{escape, page_in};
use crate::app::App;
use crate::request::preferred_language;

/// An entry of the overview: its URL, and its title and sentence in each language.
struct Place {
    href: String,
    french: (&'static str, &'static str),
    english: (&'static str, &'static str),
}

/// The words of the page itself.
struct Words {
    lead: &'static str,
    other: (&'static str, &'static str, &'static str),
    note: &'static str,
}

const FRENCH: Words = Words {
    lead: "Cette boutique tourne sur votre machine, en profil de développement. Voici ce qu’elle offre.",
    other: ("en", "?lang=en", "In English"),
    note: "En profil de production, ni cette page, ni GraphiQL, ni la boîte aux lettres, ni le journal des paiements n’existent.",
};
const ENGLISH: Words = Words {
    lead: "This shop runs on your machine, in the development profile. Here is what it offers.",
    other: ("fr", "?lang=fr", "En français"),
    note: "In the production profile this page, GraphiQL, the mailbox and the journal of payments are not there.",
};

/// The page, in the language that is asked for: `?lang=`, else what the browser prefers, else English.
pub(super) async fn show(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = uri.query().and_then(|query| query.strip_prefix("lang="));
    let preferred = preferred_language(&headers, &["en".to_owned(), "fr".to_owned()]);
    let is_french = match asked {
        Some("fr") => true,
        Some("en") => false,
        _ => preferred.as_deref() == Some("fr"),
    };
    let (language, words) = if is_french {
        ("fr", FRENCH)
    } else {
        ("en", ENGLISH)
    };
    let (other, href, label) = words.other;
    let name = escape(&app.env.shop.name);
    let mut body = format!(
        "<header><h1>{name}</h1><a lang=\"{other}\" hreflang=\"{other}\" href=\"{href}\">{label}</a></header>\
         <p class=\"lead\">{}</p><ul class=\"places\">",
        words.lead
    );
    for place in places(&app) {
        let (title, sentence) = if is_french { place.french } else { place.english };
        let (href, shown) = (
            escape(&place.href),
            escape(place.href.trim_start_matches("http://")),
        );
        let _ = write!(
            body,
            "<li><a href=\"{href}\"><strong>{title}</strong><span>{sentence}</span><code>{shown}</code></a></li>"
        );
    }
    let _ = write!(body, "</ul><p class=\"quiet\">{}</p>", words.note);
    let mut response = page_in(language, &app.env.shop.name, &body).into_response();
    response.headers_mut().insert(VARY, ACCEPT_LANGUAGE.into());
    response
}

fn places(app: &App) -> Vec<Place> {
    let place = |href: &str, french, english| Place {
        href: href.to_owned(),
        french,
        english,
    };
    let mut places = vec![
        place(
            "/store/products",
            (
                "La boutique",
                "Le catalogue tel que les clients le voient, en JSON.",
            ),
            ("The shop", "The catalogue as its customers see it, in JSON."),
        ),
        place(
            "/graphql",
            (
                "GraphiQL",
                "Explorer le schéma GraphQL et y essayer des requêtes.",
            ),
            ("GraphiQL", "Explore the GraphQL schema and try queries on it."),
        ),
        place(
            "/docs/",
            (
                "Les routes REST",
                "Chaque route, ce qu’elle prend et ce qu’elle répond, à lire et à essayer.",
            ),
            (
                "The REST routes",
                "Each route, what it takes and what it answers, to read and to try.",
            ),
        ),
        place(
            "/openapi.json",
            ("OpenAPI", "La même description, pour les programmes."),
            ("OpenAPI", "The same description, for programs."),
        ),
        place(
            "/mailbox",
            (
                "La boîte aux lettres",
                "Les e-mails et les SMS envoyés. Rien ne quitte cette machine.",
            ),
            (
                "The mailbox",
                "The mails and text messages that were sent. Nothing leaves this machine.",
            ),
        ),
    ];
    if app.env.sandbox_payments {
        places.push(place(
            "/sandbox/payments",
            (
                "Les paiements d’essai",
                "Le journal de la banque fictive : ce qu’on lui a demandé, ce qu’elle a fait.",
            ),
            (
                "Sandbox payments",
                "The journal of the pretended bank: what it was asked, and what it did.",
            ),
        ));
    }
    if let Some(admin) = app.env.admin {
        places.push(place(
            &format!("http://{admin}/metrics"),
            (
                "Les mesures",
                "Ce que le processus mesure de lui-même, pour Prometheus.",
            ),
            ("Metrics", "What the process measures of itself, for Prometheus."),
        ));
    }
    places
}
