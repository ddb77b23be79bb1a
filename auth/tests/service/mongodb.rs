//! The same behaviours with the store on MongoDB, where `MONGODB_URI` names one.

/// Runs these tests with their services' stores on MongoDB.
macro_rules! again {
    ($($module:ident: $($test:ident),+;)+) => {$(
        mod $module {$(
            #[test]
            fn $test() {
                crate::support::on_mongodb(concat!("mongodb::", stringify!($module), "::", stringify!($test)), crate::$module::$test);
            }
        )+}
    )+};
}

again! {
    addresses:
        one_address_is_the_default,
        another_users_address_is_not_found,
        parallel_saves_lose_none;
    enumeration:
        known_and_unknown_addresses_get_the_same_answers,
        every_failed_log_in_looks_the_same,
        known_and_unknown_addresses_cost_the_same;
    keys:
        a_token_says_who_and_until_when,
        keys_rotate_and_no_token_is_refused_for_it,
        keys_and_sessions_survive_a_restart;
    mail_links:
        a_reset_sets_the_password_and_ends_all_sessions,
        fifty_resets_at_once_have_one_success,
        a_link_ends_with_its_time_and_with_the_password,
        an_address_changes_when_the_new_one_is_confirmed,
        a_taken_address_stays_its_owners;
    refresh:
        a_used_token_ends_its_session,
        fifty_at_once_have_at_most_one_success,
        a_repeated_call_gets_the_same_tokens,
        a_repetition_is_one_by_its_id_and_time,
        a_forged_token_changes_nothing,
        a_session_that_is_not_used_ends,
        a_token_that_was_signed_out_is_used_up;
    registration:
        a_confirmed_account_signs_in,
        no_one_confirms_an_attackers_password,
        the_confirmation_is_mailed_once_more,
        an_owner_is_told_of_a_registration,
        a_race_opens_one_account,
        three_mails_an_hour_reach_an_address,
        an_event_holds_no_secret_and_counts_from_one;
    revocation:
        signing_out_everywhere_ends_every_session,
        another_password_ends_the_other_sessions,
        revocations_are_listed_while_tokens_live,
        services_may_do_what_is_granted_to_them;
    roles:
        the_first_administrator_is_made_while_there_is_none,
        a_lower_role_holds_at_once,
        a_disabled_account_is_out,
        the_last_administrator_stays,
        administrators_who_demote_each_other_leave_one,
        people_see_themselves_and_staff_sees_all;
    sessions:
        sessions_are_listed_the_last_used_first,
        a_session_is_revoked_by_its_owner_alone;
    throttling:
        ten_failures_and_then_a_wait,
        two_hundred_at_once_get_ten_comparisons,
        right_passwords_at_once_are_no_failures,
        one_client_address_tries_only_so_many_accounts,
        zero_is_no_limit,
        a_wrong_current_password_counts;
}
