"""The study in a browser: pages for readers, pages for the organiser, and what keeps everybody else out."""

from finemri.study.web.app import app_of

__all__ = ["app_of"]
