"""French phrases: topics by category, then what fits into any chat.

Add exchanges to a topic as (employee, chatbot). Nothing but text here; the meaning of each field is in `model`.
"""

from livedash_pipeline.local.sample_data.phrases.model import Exchange, Phrases

_WORK: dict[str, tuple[Exchange, ...]] = {
    "SCHEDULE_HOURS": (
        (
            "À quelle heure commence mon service {weekday} ?",
            "Ton service de {weekday} commence à {time}. Tous tes horaires sont dans l'application, sous Mon planning.",
        ),
        (
            "Est-ce que je peux échanger mon service de {weekday} avec {name} ?",
            "Oui, si {name} est d'accord. Choisis Échanger, et le planificateur confirme dans la journée.",
        ),
        (
            "Quand est-ce que le planning de {month} sera publié ?",
            "Il paraît {number} semaines à l'avance, toujours le jeudi.",
        ),
        (
            "Je suis inscrit deux fois {weekday}, c'est une erreur ?",
            "On dirait bien. Signale-le avec le bouton Horaire incorrect et le planning sera corrigé.",
        ),
    ),
    "LEAVE_VACATION": (
        (
            "Combien de jours de congé me reste-t-il cette année ?",
            "Il te reste {number} jours. Ceux de l'an dernier expirent fin {month}.",
        ),
        (
            "Comment demander une semaine de vacances en {month} ?",
            "En trois étapes.\n1. Ouvre Congés dans le portail.\n2. Choisis les dates.\n3. Envoie la demande à ton responsable.",
        ),
        (
            "Ai-je droit à un congé spécial pour le mariage de ma sœur ?",
            "Oui, un jour payé pour le mariage d'un frère ou d'une sœur.",
        ),
        (
            "Ma demande de congé pour {weekday} est encore ouverte, qui la valide ?",
            "C'est {name}. Tu auras une réponse dans les {number} jours ouvrables.",
        ),
    ),
    "SICK_LEAVE_RECOVERY": (
        (
            "Je me suis réveillée malade ce matin. Comment signaler mon absence ?",
            "Bon rétablissement ! Appelle ton responsable avant {time} et signale-le dans l'application sous Absences.",
        ),
        (
            "Est-ce que mon salaire est maintenu pendant un arrêt maladie ?",
            "Oui, après trois jours de carence, selon la convention collective.",
        ),
        (
            "Je vais mieux et je veux reprendre {weekday}, que dois-je faire ?",
            "Bonne nouvelle ! Signale ta reprise dans l'application avant de revenir.",
        ),
        (
            "Faut-il un certificat médical après {number} jours de grippe ?",
            "Oui, envoie l'arrêt de travail dans les 48 heures.",
        ),
    ),
    "SALARY_COMPENSATION": (
        (
            "Quand le salaire de {month} sera-t-il versé ?",
            "Le 25. Si c'est un week-end, tu le reçois le vendredi d'avant.",
        ),
        (
            "Ma fiche de paie est plus basse de {amount} euros, pourquoi ?",
            "Tu as fait moins d'heures le soir, donc la prime est plus petite. C'est à la page deux.",
        ),
        (
            'Que veut dire "RTT" sur ma fiche de paie ?',
            "Ce sont des jours de repos pour les heures au-delà de 35 par semaine.",
        ),
        (
            "Y a-t-il une indemnité si je viens à vélo ?",
            "Oui, la même par kilomètre. Indique la distance dans le portail sous Trajets.",
        ),
    ),
    "CONTRACT_HOURS": (
        (
            "Est-ce que je peux passer de 35 à 24 heures par semaine ?",
            "Tu peux le demander avec le formulaire Temps de travail, deux mois à l'avance au moins.",
        ),
        (
            "Quand se termine mon CDD ?",
            "Ton contrat va jusqu'à fin {month}. Un mois avant, tu sauras s'il est prolongé.",
        ),
        (
            "Après combien de contrats a-t-on un CDI ?",
            "Un CDD peut être renouvelé deux fois, dix-huit mois au plus.",
        ),
    ),
    "ONBOARDING": (
        (
            "Je commence {weekday}. Où dois-je me présenter le premier jour ?",
            "Bienvenue ! Viens à l'accueil à {time}. {name} te fera visiter.",
        ),
        (
            "De quels documents avez-vous besoin avant mon arrivée ?",
            "Il nous faut trois choses.\n- une copie de ta pièce d'identité\n- ton RIB\n- le contrat signé",
        ),
        (
            "Y a-t-il une formation pour les nouveaux ?",
            "Oui, l'accueil dure {number} jours et il est payé.",
        ),
    ),
    "OFFBOARDING": (
        (
            "Je veux démissionner, quel est mon préavis ?",
            "Ton préavis est d'un mois à partir de la réception de la lettre.",
        ),
        (
            "Que deviennent mes congés non pris quand je pars ?",
            "Ils sont payés avec ton dernier salaire.",
        ),
        (
            "Où rendre mon ordinateur le dernier jour ?",
            "Au service informatique, au rez-de-chaussée. {name} signe le bon de retour avec toi.",
        ),
    ),
    "WORKWEAR_STAFF_PASS": (
        (
            "Mon pantalon de travail est déchiré, comment en avoir un autre ?",
            "Commande-le dans le portail sous Vêtements. C'est gratuit et livré en {number} jours.",
        ),
        (
            "J'ai perdu mon badge, que faire ?",
            "Bloque-le tout de suite dans l'application. Un nouveau sera à l'accueil le jour ouvrable suivant.",
        ),
        (
            "Quelles chaussures de sécurité sont permises à l'entrepôt ?",
            "Seulement la classe S3. La liste est dans le portail sous Vêtements.",
        ),
    ),
}

_PEOPLE: dict[str, tuple[Exchange, ...]] = {
    "TEAM_CONTACTS": (
        (
            "Qui est le chef de l'équipe de nuit ?",
            "C'est {name}. Le numéro est dans l'application sous Mon équipe.",
        ),
        (
            "Comment joindre {name} du planning ?",
            "Par téléphone entre 08:00 et {time}, ou par message dans l'application.",
        ),
        (
            "Qui remplace ma responsable pendant son absence en {month} ?",
            "{name} la remplace jusqu'à son retour.",
        ),
    ),
    "PERSONAL_QUESTIONS": (
        (
            "J'ai déménagé, où changer mon adresse ?",
            "Dans le portail sous Mes données. Le service de paie est prévenu aussi.",
        ),
        (
            "J'ai un nouveau compte bancaire. Pouvez-vous y verser mon salaire ?",
            "Saisis-le sous Mes données avant le 15, et il comptera pour le prochain versement.",
        ),
        (
            "Je me suis marié en {month}, faut-il le signaler ?",
            "Félicitations ! Mets à jour ta situation familiale, c'est important pour la mutuelle.",
        ),
    ),
    "ACCESS_LOGIN": (
        (
            "J'ai oublié mon mot de passe et le courriel de réinitialisation n'arrive pas.",
            "Il part à ton adresse privée. Regarde aussi les indésirables ; il est valable {number} heures.",
        ),
        (
            "L'application dit que mon compte est bloqué. Comment le débloquer ?",
            "Après cinq erreurs il est bloqué une demi-heure. Tu pourras te connecter à {time}.",
        ),
        (
            "Comment installer l'application de codes sur un nouveau téléphone ?",
            "Connecte-toi sur un ordinateur, ouvre Sécurité et scanne le code avec le téléphone.",
        ),
    ),
    "SOCIAL_QUESTIONS": (
        (
            "Comment vas-tu ? Tu es une vraie personne ?",
            "Je vais bien, merci ! Je suis un assistant numérique, pas une personne.",
        ),
        (
            "Tu connais une bonne blague ?",
            "Pourquoi le planning est-il allé chez le médecin ? Il avait trop de pauses.",
        ),
        (
            "Y a-t-il une fête d'été pour le personnel cette année ?",
            "Oui, un vendredi en {month}. Le comité envoie les invitations.",
        ),
    ),
    "UNRECOGNIZED_OTHER": (
        ("juste un essai", "Bonjour ! Comment puis-je t'aider ?"),
        (
            "Quel temps fera-t-il {weekday} ?",
            "Je ne peux pas consulter la météo. Je réponds aux questions sur ton travail.",
        ),
        ("azer azer 77", "Je n'ai pas compris. Peux-tu le dire autrement ?"),
    ),
}

FRENCH = Phrases(
    code="fr",
    csv_names=("French", "french", "Français", "français"),
    countries=("FR", "FR", "BE", "LU"),
    people=("Camille", "Mathieu", "Inès", "Julien", "Aïcha", "Luc"),
    weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    months=("janvier", "mars", "mai", "juin", "juillet", "septembre", "novembre", "décembre"),
    greetings=("", "Salut ! ", "Bonjour ! ", "Bonsoir. ", "Coucou. ", "Petite question. "),
    topics=_WORK | _PEOPLE,
    follow_ups=(
        ("Et où est-ce que je trouve ça ?", "Dans l'application, dans le menu en haut à gauche."),
        ("C'est valable aussi pour les temps partiels ?", "Oui, c'est pareil pour tout le monde."),
        ("Ça marche aussi sur mon téléphone ?", "Oui, l'application fait tout ce que fait le portail."),
        ("d'accord, et combien de temps ça prend ?", "En général pas plus de {number} jours ouvrables."),
        (
            "Je ne comprends pas bien, peux-tu réexpliquer ?",
            "Bien sûr. Ouvre l'application, choisis ton nom et suis les étapes.",
        ),
    ),
    details=(
        "Quelques précisions\n- site, centre de distribution nord\n- équipe de {name}\n- depuis {month}",
        "Ce que j'ai déjà essayé\n1. l'application\n2. le site\n\nRien n'a marché.",
    ),
    positive_notes=("Merci d'avance, vous êtes toujours si aimables !", "Ce robot est génial d'ailleurs :)"),
    negative_notes=("C'est vraiment pénible.", "J'en ai assez de toujours redemander la même chose !"),
    positive_closings=(
        ("Super, merci beaucoup !", "Avec plaisir ! Bonne journée."),
        ("Parfait, c'est exactement ce qu'il me fallait 😊", "Ravi d'avoir pu aider !"),
    ),
    negative_closings=(
        ("Ça ne m'aide pas du tout.", "Je suis désolé. Je transmets ta remarque."),
        (
            "Quelle réponse inutile, j'attends depuis des semaines !",
            "Je comprends que ce soit frustrant, et j'en suis désolé.",
        ),
    ),
    escalations=(
        ("Je veux parler à un responsable.", "Je comprends. Je demande à ton responsable de te rappeler aujourd'hui."),
        ("Puis-je en discuter avec la direction ?", "Certainement, j'ai transmis ta question au directeur de garde."),
    ),
    hr_forwards=(
        (
            "À qui m'adresser aux ressources humaines ?",
            "Tu peux joindre les RH à rh@personnel.example ou au poste 4400.",
        ),
        (
            "Mettez-moi en contact avec les RH, s'il vous plaît.",
            "J'ai transmis ta question aux RH. Réponse dans les {number} jours ouvrables.",
        ),
    ),
)
