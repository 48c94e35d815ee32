"""The WSGI application: `gunicorn app:app`."""

from shopapp import create_app

app = create_app()
