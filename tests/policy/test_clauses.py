"""Which tests show that each clause of the policy is kept; what only a vendor can keep is shown through what is demanded of it."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
COUNTS = {"T": 4, "C": 8, "A": 4, "M": 4, "P": 2, "R": 4}
"""How many clauses each chapter of the policy has."""

SHOWN_BY = {
    # The user reads sentences, the whole of what is asked, and without a network.
    "T1": [
        "describe/test_sentences.py::test_every_question_that_a_user_has_is_answered",
        "ctl/render/test_pages.py::test_question_shows_everything_that_consent_is_given_to",
    ],
    "T2": [
        "flow/test_report.py::test_preview_history_and_receiver_have_the_same_bytes",
        "flow/test_report.py::test_each_report_travels_alone_with_the_headers_that_the_history_shows",
        "toml/test_canonical.py::test_equal_words_are_equal_digests",
    ],
    "T3": [
        "flow/test_no_network.py::test_the_daemon_opens_no_network_socket_and_loads_no_http_client",
        "policy/test_demands.py::test_a_question_explains_itself",
    ],
    # The announcement is the vendor's; that a change cannot pass unnoticed is ours.
    "T4": [
        "flow/test_change.py::test_one_edge_more_collects_nothing_until_it_is_accepted",
        "flow/test_change.py::test_telemetryctl_tells_the_change",
        "ctl/commands/authoring/test_document.py::test_diff",
        "policy/test_demands.py::test_the_changelog_puts_data_first",
    ],
    "C1": [
        "flow/test_consent.py::test_pushes_without_consent_leave_no_trace",
        "flow/test_levels.py::test_everything_is_off_at_first",
        "flow/test_upgrade.py::test_a_damaged_consent_file_reads_as_off",
        "flow/test_kill_switch.py::test_removing_a_switch_turns_nothing_on",
    ],
    "C2": [
        "flow/test_withdrawal.py::test_withdrawal_erases_the_running_tally",
        "flow/test_withdrawal.py::test_withdrawal_erases_the_queued_report",
        "flow/test_levels.py::test_a_refused_question_can_be_allowed_again",
    ],
    "C3": [
        "flow/test_blindness.py::test_replies_do_not_depend_on_consent",
        "flow/test_blindness.py::test_pushes_and_registrations_are_not_broadcast",
        "benchmarks/test_blind.py::test_time_does_not_tell",
    ],
    "C4": [
        "flow/test_kill_switch.py::test_a_system_switch_beats_a_user_who_says_on",
        "flow/test_levels.py::test_a_lock_is_a_ceiling_and_names_its_file",
    ],
    "C5": ["test_readme.py::test_session_works_when_pasted", "ctl/test_command.py::test_page_names_every_command_and_status"],
    "C6": [
        "toml/test_settings_in_force.py::test_no_endpoint_of_a_user",
        "flow/test_weeks.py::test_endpoint_changed",
        "upload/test_client.py::test_no_redirects",
        "flow/test_developer.py::test_nothing_goes_to_another_machine",
    ],
    "C7": [
        "toml/test_settings_in_force.py::test_no_plain_http",
        "upload/test_client.py::test_no_trust",
        "upload/test_client.py::test_old_tls",
    ],
    # The contact answers; that there is one, and that the user sees it, is ours.
    "C8": ["policy/test_demands.py::test_what_is_mandatory", "policy/test_demands.py::test_the_contact_is_shown"],
    "A1": ["toml/test_manifest.py::test_refused", "core/answers/test_coarsen.py::test_inputs_of_one_bin_are_indistinguishable"],
    "A2": [
        "core/answers/test_report.py::test_bytes_are_exactly_these",
        "flow/test_report.py::test_what_reached_nobody_stays_the_same_bytes",
        "flow/test_shared.py::test_the_report_does_not_say_who_pushed",
    ],
    "A3": ["core/privacy/test_admissibility.py::test_cells", "core/answers/test_report.py::test_everything_else_is_refused"],
    # What a server keeps is the vendor's; that a request has nothing but the report is ours.
    "A4": [
        "core/answers/test_report.py::test_headers",
        "upload/test_client.py::test_every_byte",
        "upload/test_client.py::test_a_connection_each",
    ],
    "M1": ["policy/test_demands.py::test_what_is_mandatory", "toml/test_manifest.py::test_refused"],
    "M2": [
        "core/answers/test_coarsen.py::test_inputs_of_one_bin_are_indistinguishable",
        "core/answers/test_aggregate.py::test_a_million_samples",
    ],
    "M3": ["core/answers/test_aggregate.py::test_answers", "flow/test_shared.py::test_the_consenting_ones_are_merged"],
    "M4": [
        "policy/test_demands.py::test_what_is_mandatory",
        "core/privacy/test_admissibility.py::test_lifetime",
        "flow/test_weeks.py::test_stopped",
        "flow/test_sending.py::test_final_answers",
    ],
    "P1": [
        "policy/test_demands.py::test_no_text_can_be_declared",
        "core/answers/test_report.py::test_everything_else_is_refused",
        "core/answers/test_coarsen.py::test_choices",
        "flow/test_withdrawal.py::test_withdrawal_erases_the_running_tally",
    ],
    "P2": [
        "policy/test_demands.py::test_what_is_mandatory",
        "core/permission/test_gate.py::test_axes",
        "toml/test_manifest.py::test_only_system_facts",
    ],
    "R1": [
        "toml/test_config.py::test_two_people",
        "policy/test_demands.py::test_without_a_review_nothing_is_collected",
        "ctl/commands/authoring/test_review.py::test_two_people_make_a_review",
    ],
    "R2": ["flow/test_change.py::test_only_the_latest_reviews_definition_is_admitted", "flow/test_reviewed.py::test_changed_again"],
    # Reviews are kept by the vendor; that each has a public record and its reviewers' names, shown to the user, is demanded.
    "R3": ["policy/test_demands.py::test_a_review_is_public", "ctl/commands/authoring/test_document.py::test_register_is_complete"],
    "R4": ["flow/test_weeks.py::test_stopped", "flow/test_sending.py::test_final_answers"],
}
"""Clause → the tests that show it."""


@pytest.mark.parametrize("clause", [f"{chapter}{number}" for chapter, count in COUNTS.items() for number in range(1, count + 1)])
def test_every_clause_is_shown_by_tests(clause):
    """Each clause of the policy has tests, and each of those exists and states its claim."""
    assert SHOWN_BY[clause]
    for name in SHOWN_BY[clause]:
        path, _, test = name.partition("::")
        functions = [
            one for one in ast.walk(ast.parse((TESTS / path).read_text())) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert [one for one in functions if one.name == test and ast.get_docstring(one)], name
