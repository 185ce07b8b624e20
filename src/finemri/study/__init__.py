"""The verb study: blinded readers judge images in a browser, and what they say is counted."""
