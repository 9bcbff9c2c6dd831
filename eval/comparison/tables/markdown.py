"""A report in Markdown."""

from __future__ import annotations

from tcdcn_init.eval.comparison.finding import finding, heading
from tcdcn_init.eval.comparison.report import Report
from tcdcn_init.eval.comparison.tables.cells import as_markdown
from tcdcn_init.eval.comparison.tables.details import detail_tables
from tcdcn_init.eval.comparison.tables.headline import headline_tables
from tcdcn_init.eval.comparison.tables.points_alone import points_tables
from tcdcn_init.eval.comparison.tables.published import part_tables, published_table
from tcdcn_init.eval.measuring.markdown import plain

__all__ = ["report_headline", "report_tables"]


def report_tables(report: Report) -> str:
    """The finding and every table of a report as Markdown.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        Ends in a newline.
    """
    published = published_table(report)
    tables = [*([] if published is None else [published]), *detail_tables(report)]
    return "\n\n".join([report_headline(report), *map(as_markdown, tables)]) + "\n"


def report_headline(report: Report) -> str:
    """The finding and the headline tables of a report as Markdown.

    Parameters
    ----------
    report : Report
    """
    return "\n\n".join(
        [
            f"# {heading(report)}",
            *map(plain, finding(report)),
            *map(as_markdown, [*part_tables(report), *headline_tables(report), *points_tables(report)]),
        ]
    )
