"""Pages of a shop, asked for by the test client. The culprit is render, whose pages a cache keeps."""
import django
from django.conf import settings

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", DEBUG=False)
django.setup()

from django.http import HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402

SEEN = {}


def remember(request, page):
    SEEN[request.path] = page
    return page


def render(number):
    return ("<p>%d</p>" % number) * 20_000


def product(request, number):
    return HttpResponse(remember(request, render(number)))


urlpatterns = [path("product/<int:number>", product)]


def main():
    client = Client()
    for number in range(400):
        client.get("/product/%d" % number)


main()
