//! What administrators type to grant what is missing. Nothing here is run by us.
//!
//! Sources, on learn.microsoft.com: "Role Based Access Control for Applications in Exchange Online",
//! "Configure impersonation" (Exchange developer documentation), "Set-WebServicesVirtualDirectory",
//! "Set-CASMailbox", "New-ThrottlingPolicy", "Set-ThrottlingPolicyAssociation", "Grant tenant-wide
//! admin consent to an application".

/// The name that the commands give to what they make.
const NAME: &str = "Tidemark";
/// Stands where only the administrator knows the name.
const GROUP: &str = "<distinguished name of the group of the mailboxes to sync>";

/// A text as one argument of PowerShell: in single quotes nothing is expanded.
fn quoted(text: &str) -> String {
    // PowerShell takes typographic quotation marks for straight ones.
    let mut out = String::from("'");
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if matches!(letter, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            out.push(letter);
        }
        out.push(letter);
    }
    out.push('\'');
    out
}

fn scope() -> String {
    format!(
        "New-ManagementScope -Name {NAME} -RecipientRestrictionFilter \"MemberOfGroup -eq '{GROUP}'\""
    )
}

/// Lets a service account act for the mailboxes of a group, and for no others.
pub(super) fn impersonation(account: &str) -> Vec<String> {
    vec![
        scope(),
        format!(
            "New-ManagementRoleAssignment -Name {NAME} -Role ApplicationImpersonation -User {} \
             -CustomRecipientWriteScope {NAME}",
            quoted(account)
        ),
    ]
}

/// Shows which assignments of impersonation a service account has, and with which scope.
pub(super) fn impersonation_listed(account: &str) -> Vec<String> {
    vec![format!(
        "Get-ManagementRoleAssignment -Role ApplicationImpersonation -GetEffectiveUsers | \
         Where-Object {{ $_.EffectiveUserName -eq {} }} | \
         Format-List Name, CustomRecipientWriteScope",
        quoted(account)
    )]
}

/// Switches Basic on for EWS.
pub(super) fn basic_login() -> Vec<String> {
    vec![
        "Get-WebServicesVirtualDirectory | Set-WebServicesVirtualDirectory -BasicAuthentication $true"
            .to_owned(),
    ]
}

/// Lets EWS into a mailbox.
pub(super) fn ews_enabled(mailbox: &str) -> Vec<String> {
    vec![
        format!("Set-CASMailbox -Identity {} -EwsEnabled $true", quoted(mailbox)),
        "Get-OrganizationConfig | Format-List EwsEnabled, EwsApplicationAccessPolicy, EwsAllowList, \
         EwsBlockList"
            .to_owned(),
    ]
}

/// Gives a service account a throttling policy of its own.
pub(super) fn throttling(account: &str) -> Vec<String> {
    let account = quoted(account);
    vec![
        format!("Get-ThrottlingPolicyAssociation -Identity {account}"),
        format!(
            "New-ThrottlingPolicy -Name {NAME} -ThrottlingPolicyScope Regular -EwsMaxConcurrency 100 \
             -EwsMaxSubscriptions 5000 -EwsCutoffBalance Unlimited -EwsMaxBurst Unlimited \
             -EwsRechargeRate Unlimited"
        ),
        format!("Set-ThrottlingPolicyAssociation -Identity {account} -ThrottlingPolicy {NAME}"),
    ]
}

/// Opens calendars to an application, for the mailboxes of a group and for no others.
pub(super) fn application_scope(client: &str) -> Vec<String> {
    let client = quoted(client);
    vec![
        "Connect-MgGraph -Scopes Application.Read.All".to_owned(),
        "Connect-ExchangeOnline".to_owned(),
        format!("$app = Get-MgServicePrincipal -Filter \"appId eq {client}\""),
        format!("New-ServicePrincipal -AppId $app.AppId -ObjectId $app.Id -DisplayName {NAME}"),
        scope(),
        format!(
            "New-ManagementRoleAssignment -App $app.Id -Role 'Application Calendars.ReadWrite' \
             -CustomResourceScope {NAME}"
        ),
    ]
}

/// Says whether Exchange lets an application into a mailbox. It knows changes at once, which calls
/// see after 30 minutes to 2 hours.
pub(super) fn application_tested(client: &str, mailbox: &str) -> Vec<String> {
    vec![format!(
        "Test-ServicePrincipalAuthorization -Identity {} -Resource {} | Format-Table",
        quoted(client),
        quoted(mailbox)
    )]
}

/// Takes grants of Entra away, which hold for every mailbox whatever the scope says.
pub(super) fn grants_removed(client: &str) -> Vec<String> {
    vec![
        "Connect-MgGraph -Scopes Application.Read.All,AppRoleAssignment.ReadWrite.All".to_owned(),
        format!("$app = Get-MgServicePrincipal -Filter \"appId eq {}\"", quoted(client)),
        "Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $app.Id | Format-List Id, \
         AppRoleId, ResourceDisplayName"
            .to_owned(),
        "Remove-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $app.Id -AppRoleAssignmentId \
         <Id of each that is to go>"
            .to_owned(),
    ]
}

/// Where an administrator of the tenant lets the application in.
pub(super) fn admin_consent(authority: &str, tenant: &str, client: &str) -> Vec<String> {
    vec![format!("{}/{tenant}/adminconsent?client_id={client}", authority.trim_end_matches('/'))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_one_argument() {
        assert_eq!(quoted("CORP\\svc"), "'CORP\\svc'");
        assert_eq!(quoted("o'neil@x; rm"), "'o''neil@x; rm'");
        assert_eq!(quoted("a\u{2019}b\n"), "'a\u{2019}\u{2019}b'");
        let [_, assignment] = &impersonation("CORP\\o'neil")[..] else { panic!("two lines") };
        assert!(assignment.contains("-User 'CORP\\o''neil' -CustomRecipientWriteScope"));
    }

    #[test]
    fn the_address_of_consent_names_tenant_and_application() {
        let lines = admin_consent("https://login.microsoftonline.com/", "contoso.example", "c-1");
        assert_eq!(
            lines,
            ["https://login.microsoftonline.com/contoso.example/adminconsent?client_id=c-1"]
        );
    }
}
