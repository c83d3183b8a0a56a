"""What the database's errors become, and how connections are described: no database is needed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from api.catalog.live import OF_A_REQUEST
from core.database.connections import conninfo
from core.database.hosts import AMONG_REPLICAS, OF_A_STATEMENT, RetryPolicy
from core.database.sqlstates import ERROR_OF_SQLSTATE, translate, translated
from core.errors import BadValue, CatalogueMissing, DatabaseUnavailable, IsthmusError, QueryTooSlow
from core.settings import Settings
from loader.sql.migrate import migrations

SECRET = "s3cret-of-the-database"


def raised(
    state: str | None, *, source_file: str | None = None, kind: type[psycopg.Error] | None = None
) -> psycopg.Error:
    """An error as psycopg raises it for a SQLSTATE, with a text that no client may see."""
    known = kind or (errors.lookup(state) if state in errors._sqlcodes else psycopg.DatabaseError)
    error = type("Raised", (known,), {"sqlstate": state, "diag": SimpleNamespace(source_file=source_file)})
    return error(f"password={SECRET} relation data.roads_7")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("57014", QueryTooSlow),  # query_canceled
        ("42P01", CatalogueMissing),  # undefined_table
        ("3F000", CatalogueMissing),  # invalid_schema_name
        ("3D000", CatalogueMissing),  # invalid_catalog_name
        ("22003", BadValue),  # numeric_value_out_of_range
        ("22008", BadValue),  # datetime_field_overflow
        ("22P02", BadValue),  # invalid_text_representation
        ("22023", BadValue),  # invalid_parameter_value
        ("08000", DatabaseUnavailable),  # connection_exception
        ("08006", DatabaseUnavailable),  # connection_failure
        ("40001", DatabaseUnavailable),  # serialization_failure, of a replica that applies what conflicts
        ("53100", DatabaseUnavailable),  # disk_full
        ("53200", DatabaseUnavailable),  # out_of_memory
        ("53300", DatabaseUnavailable),  # too_many_connections
        ("57P01", DatabaseUnavailable),  # admin_shutdown
        ("57P02", DatabaseUnavailable),  # crash_shutdown
        ("57P03", DatabaseUnavailable),  # cannot_connect_now
    ],
)
def test_each_state_becomes_the_error_that_says_what_to_do(state: str, expected: type[IsthmusError]):
    error = translate(raised(state))
    assert type(error) is expected
    assert error.hint


def test_every_mapping_is_tried_above():
    tried = {"57014", "42P01", "3F000", "3D000", "22", "08", "40", "53", "57"}
    assert set(ERROR_OF_SQLSTATE) == tried


@pytest.mark.parametrize("state", ["42601", "42703", "42501", "23505", "25006", "P0001", "XX001"])
def test_a_state_that_is_our_own_mistake_is_not_dressed_up(state: str):
    error = raised(state, kind=psycopg.ProgrammingError)
    with pytest.raises(psycopg.ProgrammingError) as caught:
        translate(error)
    assert caught.value is error


@pytest.mark.parametrize("state", ["28000", "38000", "54001", "55000"])
def test_what_a_function_or_a_view_cannot_do_is_no_database_that_does_not_answer(state: str):
    error = raised(state)
    assert isinstance(error, psycopg.OperationalError)
    with pytest.raises(psycopg.OperationalError) as caught:
        translate(error)
    assert caught.value is error


@pytest.mark.parametrize(
    ("source_file", "known"), [("lwgeom_transform.c", True), ("lwgeom_geos.c", True), ("xact.c", False), (None, False)]
)
def test_an_internal_error_is_the_requests_fault_only_when_postgis_reports_it(source_file: str | None, known: bool):
    error = raised("XX000", source_file=source_file)
    if known:
        assert type(translate(error)) is BadValue
    else:
        with pytest.raises(errors.InternalError_):
            translate(error)


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), PoolTimeout("no connection after 2.00 sec")])
def test_an_error_without_a_state_is_a_database_that_does_not_answer(error: psycopg.Error):
    assert type(translate(error)) is DatabaseUnavailable


def test_another_error_without_a_state_stays_what_it_is():
    with pytest.raises(psycopg.InterfaceError):
        translate(psycopg.InterfaceError("the cursor is closed"))


@pytest.mark.parametrize("state", ["57014", "42P01", "22003", "08006"])
def test_the_databases_words_are_kept_for_the_log_alone(state: str):
    with pytest.raises(IsthmusError) as caught, translated():
        raise raised(state)
    error = caught.value
    assert SECRET in str(error.__cause__)
    for text in (str(error), error.detail, error.hint or "", error.title(), repr(error)):
        assert SECRET not in text
        assert "roads_7" not in text


def test_a_block_that_goes_well_is_left_alone_and_other_errors_pass():
    with translated():
        pass
    with pytest.raises(KeyError), translated():
        raise KeyError("not of the database")


def test_a_connection_is_described_by_the_settings_in_utc():
    settings = Settings(
        db_host="/run/pg", db_port=5433, db_name="maps", db_user="isthmus_reader", db_password="a b'c\\"
    )
    told = conninfo_to_dict(conninfo(settings))
    assert (told["host"], told["port"], told["dbname"], told["user"]) == ("/run/pg", "5433", "maps", "isthmus_reader")
    assert told["password"] == "a b'c\\"
    assert "timezone=UTC" in told["options"]


def test_one_host_is_connected_to_as_ever():
    told = conninfo_to_dict(conninfo(Settings()))
    assert told["connect_timeout"] == "5"
    assert not {"target_session_attrs", "load_balance_hosts", "tcp_user_timeout"} & told.keys()


@pytest.mark.parametrize(
    ("host", "target", "attributes", "balance"),
    [
        ("replica,primary", "prefer-standby", "prefer-standby", "random"),
        ("replica", "prefer-standby", "prefer-standby", "random"),
        ("primary,replica", "read-write", "read-write", "disable"),
        ("one,two", "any", "any", "disable"),
    ],
)
def test_several_hosts_are_told_to_libpq_and_given_up_soon(host: str, target: Any, attributes: str, balance: str):
    told = conninfo_to_dict(conninfo(Settings(db_host=host, db_target=target)))
    assert (told["host"], told["target_session_attrs"], told["load_balance_hosts"]) == (host, attributes, balance)
    assert told["connect_timeout"] == "2"


def test_a_keyword_can_be_replaced_and_an_empty_password_is_none():
    told = conninfo_to_dict(conninfo(Settings(db_password=""), dbname="postgres"))
    assert told["dbname"] == "postgres"
    assert "password" not in told


@pytest.mark.parametrize("policy", [OF_A_STATEMENT, AMONG_REPLICAS, OF_A_REQUEST])
def test_what_always_fails_is_tried_as_often_as_the_policy_says(policy: RetryPolicy):
    tried: list[int] = []

    def attempt() -> None:
        tried.append(1)
        raise CatalogueMissing("gone")

    with pytest.raises(CatalogueMissing):
        replace(policy, pause_s=0.0).run(attempt, lambda _: True)
    assert len(tried) == policy.most_runs
    with pytest.raises(CatalogueMissing):
        policy.run(attempt, lambda _: False)
    assert len(tried) == policy.most_runs + 1, "what cannot be mended is not tried again"


def test_the_most_runs_are_what_the_docstring_says():
    assert (OF_A_STATEMENT.most_runs, AMONG_REPLICAS.most_runs, OF_A_REQUEST.most_runs) == (3, 43, 4)
    text = " ".join((RetryPolicy.__doc__ or "").split())
    assert "runs at most 3 times" in text
    assert "at most 43 times" in text
    assert "at most 4 times" in text


def test_migrations_are_numbered_from_one_without_a_gap():
    numbers = [number for number, _ in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def test_a_password_is_in_no_text_about_the_settings():
    assert SECRET not in repr(Settings(db_password=SECRET))
