//! FindItem: pages of a folder, filtered and sorted, or the expanded view of a calendar.

use jiff::{SignedDuration, Timestamp};
use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::restriction::{Restriction, property_value};
use super::shape::Shape;
use super::show::write_item;
use super::time::WireTime;
use super::xml::Xml;
use super::{Context, Reply};
use crate::store::{FolderNumber, Mailbox, Target};

/// Most items of one page (exchange-ews.md 6 and 12).
const PAGE_MAX: usize = 1000;
/// Most items of one page with a restriction.
const PAGE_RESTRICTED_MAX: usize = 250;
/// Longest calendar view: two years.
const VIEW_MAX: SignedDuration = SignedDuration::from_hours(24 * 366 * 2);

/// Offset and size of the page that a view asks for.
pub(super) fn read_page(view: Option<Node<'_, '_>>) -> (usize, usize) {
    let number = |name| {
        view.and_then(|view| view.attribute(name)).and_then(|text| text.parse::<usize>().ok())
    };
    (number("Offset").unwrap_or(0), number("MaxEntriesReturned").unwrap_or(PAGE_MAX).min(PAGE_MAX))
}

/// FindItem, one answer for each parent.
pub(super) fn items(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let shape = Shape::read(request.child("ItemShape"))?;
    match request.attribute("Traversal") {
        Some("Shallow" | "SoftDeleted" | "Associated") => {}
        _ => return Err(EwsError::schema("Traversal has no such value")),
    }
    let parents = request.child("ParentFolderIds").into_iter().flat_map(Read::elements);
    Ok(parents
        .map(|node| {
            let folder = context.read_folder(node)?;
            match request.child("CalendarView") {
                Some(view) => calendar_view(context, folder, view, request, &shape),
                None => page(context, folder, request, &shape),
            }
        })
        .collect())
}

fn page(
    context: &Context<'_>,
    folder: FolderNumber,
    request: Node<'_, '_>,
    shape: &Shape,
) -> Reply {
    let view = request.child("IndexedPageItemView");
    let (offset, asked) = read_page(view);
    let restriction = request
        .child("Restriction")
        .and_then(|wrapper| wrapper.elements().next())
        .map(|node| Restriction::read(node, context.zone.as_deref()))
        .transpose()?;
    let limit = if restriction.is_some() { PAGE_RESTRICTED_MAX } else { PAGE_MAX };
    let owner = context.owner()?;
    let associated = request.attribute("Traversal") != Some("Shallow");
    let mut found: Vec<_> = owner
        .items_in(folder)
        .filter(|item| !associated && restriction.as_ref().is_none_or(|wanted| wanted.holds(item)))
        .collect();
    sort(&mut found, request.child("SortOrder"))?;
    let total = found.len();
    let backwards = view.and_then(|view| view.attribute("BasePoint")) == Some("End");
    if backwards {
        found.reverse();
    }
    let end = offset.saturating_add(asked.min(limit)).min(total);
    let mut xml = Xml::default();
    xml.open(
        "m:RootFolder",
        &[
            ("IndexedPagingOffset", &end.to_string()),
            ("TotalItemsInView", &total.to_string()),
            ("IncludesLastItemInRange", if end == total { "true" } else { "false" }),
        ],
    );
    xml.open("t:Items", &[]);
    for item in found.into_iter().take(end).skip(offset) {
        write_item(&mut xml, owner, Target::Item(item.number), shape, context.zone.as_deref())?;
    }
    xml.close("t:Items");
    xml.close("m:RootFolder");
    Ok(xml)
}

/// Sorts by the fields of a `SortOrder`; without one, newest first.
fn sort(found: &mut [&crate::store::Item], order: Option<Node<'_, '_>>) -> Result<(), EwsError> {
    found.sort_by_key(|item| std::cmp::Reverse(item.number));
    let fields: Vec<_> = order.into_iter().flat_map(Read::elements).collect();
    // The last field first: the sort is stable, so the first field decides in the end.
    for field in fields.into_iter().rev() {
        let path = field
            .elements()
            .next()
            .ok_or_else(|| EwsError::schema("a field of the sort order is missing"))?;
        let descending = field.attribute("Order") == Some("Descending");
        found.sort_by(|one, other| {
            let order = property_value(one, path).cmp(&property_value(other, path));
            if descending { order.reverse() } else { order }
        });
    }
    Ok(())
}

/// What a calendar shows in a window: occurrences and single items, no masters.
fn calendar_view(
    context: &Context<'_>,
    folder: FolderNumber,
    view: Node<'_, '_>,
    request: Node<'_, '_>,
    shape: &Shape,
) -> Reply {
    if request.child("Restriction").is_some() || request.child("SortOrder").is_some() {
        return Err(EwsError::new(
            "ErrorInvalidRestriction",
            "A calendar view takes neither restriction nor sort order.",
        ));
    }
    let (from, to) = (view_time(context, view, "StartDate")?, view_time(context, view, "EndDate")?);
    if to < from {
        return Err(EwsError::new(
            "ErrorCalendarEndDateIsEarlierThanStartDate",
            "EndDate is earlier than StartDate.",
        ));
    }
    if from.duration_until(to) > VIEW_MAX {
        return Err(EwsError::new(
            "ErrorCalendarViewRangeTooBig",
            "The specified view range exceeds the maximum range of two years.",
        ));
    }
    let max = view
        .attribute("MaxEntriesReturned")
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(usize::MAX);
    let owner = context.owner()?;
    let found = in_window(owner, folder, from, to);
    let mut xml = Xml::default();
    xml.open(
        "m:RootFolder",
        &[
            ("TotalItemsInView", &found.len().to_string()),
            ("IncludesLastItemInRange", if found.len() <= max { "true" } else { "false" }),
        ],
    );
    xml.open("t:Items", &[]);
    for (_, target) in found.into_iter().take(max) {
        write_item(&mut xml, owner, target, shape, context.zone.as_deref())?;
    }
    xml.close("t:Items");
    xml.close("m:RootFolder");
    Ok(xml)
}

/// What a folder's calendar holds in a window, by start: single items and occurrences.
pub(super) fn in_window(
    owner: &Mailbox,
    folder: FolderNumber,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(Timestamp, Target)> {
    let mut found: Vec<(Timestamp, Target)> = Vec::new();
    for item in owner.items_in(folder) {
        let Some(appointment) = item.appointment() else {
            continue;
        };
        if appointment.recurrence.is_none() {
            if overlaps(appointment.start, appointment.end, from, to) {
                found.push((appointment.start, Target::Item(item.number)));
            }
            continue;
        }
        // An exception may lie weeks from its day, but never beyond its neighbours.
        let within = appointment
            .occurrences_left()
            .take_while(|occurrence| {
                occurrence.original_start < to || occurrence.appointment.start < to
            })
            .filter(|occurrence| {
                overlaps(occurrence.appointment.start, occurrence.appointment.end, from, to)
            });
        found.extend(within.map(|occurrence| {
            (occurrence.appointment.start, Target::Occurrence(item.number, occurrence.original))
        }));
    }
    found.sort_by_key(|(start, target)| (*start, target.item()));
    found
}

/// Items that start at the end are out; those without length count by their start.
fn overlaps(start: Timestamp, end: Timestamp, from: Timestamp, to: Timestamp) -> bool {
    start < to && (end > from || (start == end && start >= from))
}

fn view_time(context: &Context<'_>, view: Node<'_, '_>, name: &str) -> Result<Timestamp, EwsError> {
    let text = view
        .attribute(name)
        .ok_or_else(|| EwsError::schema("a date of the calendar view is missing"))?;
    Ok(WireTime::read(text)?.instant(context.zone.as_deref().unwrap_or("UTC")))
}
