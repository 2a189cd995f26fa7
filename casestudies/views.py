from django.views.generic import TemplateView


class HomeView(TemplateView): pass
class CaseStudyListView(TemplateView): pass
class CaseStudyDetailView(TemplateView): pass
class ThemeListView(TemplateView): pass
class ThemeDetailView(TemplateView): pass
class ReportListView(TemplateView): pass
class ReportDetailView(TemplateView): pass
def resource_file(request, slug, pk): ...
def report_cover(request, slug): ...
def report_pdf(request, slug, name): ...
