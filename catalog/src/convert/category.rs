//! Categories as staff write them.

use comptoir_mesh::Error;

use super::Checks;
use crate::domain::{CategoryDraft, SlugChoice, text};

/// The longest name, in characters.
const NAME_LIMIT: usize = 255;

/// Checks a category as staff wrote it.
pub(crate) fn category_draft(
    name: &str,
    slug: Option<&str>,
    parent_id: Option<String>,
) -> Result<CategoryDraft, Error> {
    let mut checks = Checks::default();
    let name = checks.required("name", name, NAME_LIMIT);
    let slug = slug_choice(&mut checks, "slug", slug, &name, "category");
    let parent_id = parent_id.filter(|id| !id.is_empty());
    checks.done(CategoryDraft {
        name,
        slug,
        parent_id,
    })
}

/// The slug as it was chosen, or one made of the title.
pub(super) fn slug_choice(
    checks: &mut Checks,
    field: &str,
    slug: Option<&str>,
    title: &str,
    fallback: &str,
) -> SlugChoice {
    match slug {
        Some(slug) => {
            if !text::is_slug(slug) {
                checks.invalid(
                    field,
                    "A slug is lower case letters without accents, digits and single hyphens between them.",
                );
            }
            SlugChoice::Exact(slug.to_owned())
        }
        None => SlugChoice::Derived(text::slug_of(title, fallback)),
    }
}
