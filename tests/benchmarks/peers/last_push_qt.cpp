// Pushes as the last act of a program, over QtDBus. Argument: bare (asyncCall, exit), after (a call was awaited before).
#include <QtCore/QCoreApplication>
#include <QtDBus/QDBusConnection>
#include <QtDBus/QDBusMessage>
#include <QtDBus/QDBusPendingCall>
#include <QtDBus/QDBusVariant>

static QDBusPendingCall push(uint value)
{
    auto call = QDBusMessage::createMethodCall(
        QStringLiteral("org.telemetryd.Telemetry1"), QStringLiteral("/org/telemetryd/Telemetry1"),
        QStringLiteral("org.telemetryd.Telemetry1"), QStringLiteral("Push"));
    call << QStringLiteral("org.example.Painter") << QStringLiteral("undo") << QVariant::fromValue(QDBusVariant(value));
    return QDBusConnection::sessionBus().asyncCall(call, 5000);
}

int main(int argc, char **argv)
{
    QCoreApplication core(argc, argv);
    const QByteArray way = argv[1];
    if (way == "after")
        push(1).waitForFinished();
    push(3);
    return 0;
}
