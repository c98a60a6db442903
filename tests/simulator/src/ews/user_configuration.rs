//! GetUserConfiguration: the options that Outlook on the web keeps for a mailbox.

use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::parts::write_folder_id;
use super::xml::Xml;
use super::{Context, Reply};
use crate::store::StoreError;

/// Where Outlook on the web keeps its options; among them `timezone`, a Windows id.
const OPTIONS: &str = "OWA.UserOptions";

/// GetUserConfiguration. Only [`OPTIONS`] on the root folder is there.
pub(super) fn get(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let name = request
        .child("UserConfigurationName")
        .ok_or_else(|| EwsError::schema("UserConfigurationName is missing"))?;
    let properties = request
        .child_text("UserConfigurationProperties")
        .ok_or_else(|| EwsError::schema("UserConfigurationProperties is missing"))?;
    Ok(vec![options(context, name, properties)])
}

fn options(context: &Context<'_>, name: Node<'_, '_>, properties: &str) -> Reply {
    let folder = name
        .elements()
        .next()
        .ok_or_else(|| EwsError::schema("a folder id is missing"))
        .and_then(|node| context.read_folder(node))?;
    let owner = context.owner()?;
    if name.attribute("Name") != Some(OPTIONS) || owner.distinguished("root")?.number != folder {
        return Err(StoreError::ItemNotFound.into());
    }
    let mut xml = Xml::default();
    xml.open("m:UserConfiguration", &[]);
    xml.open("t:UserConfigurationName", &[("Name", OPTIONS)]);
    write_folder_id(&mut xml, "t:FolderId", owner, folder);
    xml.close("t:UserConfigurationName");
    if properties.split_whitespace().any(|word| matches!(word, "Dictionary" | "All")) {
        xml.open("t:Dictionary", &[]);
        xml.open("t:DictionaryEntry", &[]);
        for (tag, value) in
            [("t:DictionaryKey", "timezone"), ("t:DictionaryValue", owner.time_zone.as_str())]
        {
            xml.open(tag, &[]);
            xml.leaf("t:Type", "String");
            xml.leaf("t:Value", value);
            xml.close(tag);
        }
        xml.close("t:DictionaryEntry");
        xml.close("t:Dictionary");
    }
    xml.close("m:UserConfiguration");
    Ok(xml)
}
