from __future__ import annotations

from xlrec_es.index.works import items_of, number_works


def test_works_are_numbered_in_sorted_order_whatever_order_they_come_in() -> None:
    numbers = number_works(["b", "a", "c", "b"])
    assert list(numbers.items()) == [("a", 0), ("b", 1), ("c", 2)]
    assert number_works([]) == {}


def test_an_item_is_a_document_or_a_work() -> None:
    items = items_of([("1", "chess"), ("1@de", "chess"), ("2", "2")])
    assert items == {"1": "chess", "1@de": "chess", "chess": "chess", "2": "2"}


def test_where_a_document_has_the_id_of_a_work_the_item_is_the_work() -> None:
    assert items_of([("go", "chess"), ("go@ja", "go")])["go"] == "go"


def test_works_of_documents_that_share_an_id_are_all_items() -> None:
    items = items_of([("1", "chess"), ("1", "go")])
    assert (items["chess"], items["go"]) == ("chess", "go")
