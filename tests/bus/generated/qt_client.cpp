// Calls both interfaces through what qdbusxml2cpp made of them. Argument: an application with an installed manifest.
// Prints what came back, one line each; "error" and the error's name for a call that failed. With a second argument it only pushes a float.
#include <QtCore/QCoreApplication>
#include <QtCore/QTextStream>

#include "control1.h"
#include "telemetry1.h"

static void say(QTextStream &out, const QDBusPendingCall &call, const QString &text)
{
    out << (call.isError() ? QStringLiteral("error ") + call.error().name() : text) << "\n";
}

int main(int argc, char **argv)
{
    QCoreApplication core(argc, argv);
    registerTelemetrydTypes();
    const QString application = QString::fromUtf8(argv[1]);
    const QDBusConnection bus = QDBusConnection::sessionBus();
    OrgTelemetrydTelemetry1Interface telemetry(
        QStringLiteral("org.telemetryd.Telemetry1"), QStringLiteral("/org/telemetryd/Telemetry1"), bus);
    OrgTelemetrydControl1Interface control(QStringLiteral("org.telemetryd.Control1"), QStringLiteral("/org/telemetryd/Control1"), bus);
    QTextStream out(stdout);

    if (argc > 2) {
        telemetry.PushMany(application, QVariantMap{{QStringLiteral("startup"), 700.5F}}).waitForFinished();
        return 0;
    }
    auto push = telemetry.Push(application, QStringLiteral("startup"), QDBusVariant(700.5));
    push.waitForFinished();
    say(out, push, QStringLiteral("pushed"));
    auto many = telemetry.PushMany(application, QVariantMap{{QStringLiteral("startup"), 700.5}});
    many.waitForFinished();
    say(out, many, QStringLiteral("pushed many"));
    auto applications = control.ListApplications();
    applications.waitForFinished();
    say(out, applications, applications.value().value(0).value(QStringLiteral("id")).toString());
    QMap<QString, QString> digests;
    auto questions = control.ListQuestions(application);
    questions.waitForFinished();
    for (const QVariantMap &row : questions.value())
        digests.insert(row.value(QStringLiteral("id")).toString(), row.value(QStringLiteral("digest")).toString());
    control.setUsage(1);
    auto accept = control.Accept(application, digests);
    accept.waitForFinished();
    say(out, accept, QStringLiteral("accepted %1").arg(digests.size()));
    push = telemetry.Push(application, QStringLiteral("startup"), QDBusVariant(700.5));
    push.waitForFinished();
    auto preview = control.Preview(application);
    preview.waitForFinished();
    say(out, preview, preview.value().value(0).first);
    auto watch = control.Watch(application, 0);
    watch.waitForFinished();
    say(out, watch, watch.argumentAt<1>().value(0).second);
    out << control.locks().value(0).text << "\n";
    return 0;
}
