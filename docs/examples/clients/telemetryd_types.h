// SPDX-License-Identifier: MIT
// The types that org.telemetryd.Control1.xml names for Qt, where QtDBus has none of its own. Only Control1 needs them:
//
//   qdbusxml2cpp -i telemetryd_types.h -p control1 org.telemetryd.Control1.xml
//
// Call registerTelemetrydTypes() once, before the first call.
#ifndef TELEMETRYD_TYPES_H
#define TELEMETRYD_TYPES_H

#include <QtCore/QList>
#include <QtCore/QMap>
#include <QtCore/QMetaType>
#include <QtCore/QString>
#include <QtCore/QVariantMap>
#include <QtDBus/QDBusArgument>
#include <QtDBus/QDBusMetaType>

// (ss): a kill switch, a lock or a problem with its file.
struct TelemetrydPair {
    QString text;
    QString file;
};

// (sss): a report with its URL, or a push with its bin and verdict.
struct TelemetrydTriple {
    QString first;
    QString second;
    QString third;
};

Q_DECLARE_METATYPE(TelemetrydPair)
Q_DECLARE_METATYPE(TelemetrydTriple)

inline QDBusArgument &operator<<(QDBusArgument &argument, const TelemetrydPair &pair)
{
    argument.beginStructure();
    argument << pair.text << pair.file;
    argument.endStructure();
    return argument;
}

inline const QDBusArgument &operator>>(const QDBusArgument &argument, TelemetrydPair &pair)
{
    argument.beginStructure();
    argument >> pair.text >> pair.file;
    argument.endStructure();
    return argument;
}

inline QDBusArgument &operator<<(QDBusArgument &argument, const TelemetrydTriple &triple)
{
    argument.beginStructure();
    argument << triple.first << triple.second << triple.third;
    argument.endStructure();
    return argument;
}

inline const QDBusArgument &operator>>(const QDBusArgument &argument, TelemetrydTriple &triple)
{
    argument.beginStructure();
    argument >> triple.first >> triple.second >> triple.third;
    argument.endStructure();
    return argument;
}

inline void registerTelemetrydTypes()
{
    qDBusRegisterMetaType<TelemetrydPair>();
    qDBusRegisterMetaType<QList<TelemetrydPair>>();
    qDBusRegisterMetaType<TelemetrydTriple>();
    qDBusRegisterMetaType<QList<TelemetrydTriple>>();
    qDBusRegisterMetaType<QList<QVariantMap>>();
    qDBusRegisterMetaType<QMap<QString, QString>>();
}

#endif
