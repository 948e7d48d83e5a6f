"""The ledger of claims is complete: each statement has a test, each claiming test a statement."""

import claims


def test_every_claim_has_a_test_and_every_test_a_statement():
    assert claims.problems(claims.statements(), claims.checks()) == []
