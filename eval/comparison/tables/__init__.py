"""The tables of a report, as data that both Markdown and HTML are made from.

Errors are shown in percent of the inter-ocular distance and differences in percentage points.
"""
