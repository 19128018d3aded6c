"""The pages in Chromium, before the whole of Backline and before a stage of faults."""
