"""The browser suite: Chromium, the app in a cross-site iframe, third-party cookies blocked."""
